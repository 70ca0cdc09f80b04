package io.frz.demo

import android.view.View
import android.widget.Switch
import android.widget.TextView
import androidx.test.core.app.ActivityScenario
import androidx.test.ext.junit.runners.AndroidJUnit4
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

/** Tests the app on a phone, with its native libraries, memory and screen. */
@RunWith(AndroidJUnit4::class)
class DeviceTest {
    @Test
    fun theFirstPictureIsAnsweredAndTheDenseNetworkAgrees() {
        ActivityScenario.launch(MainActivity::class.java).use { scenario ->
            val answer = scenario.await(R.id.answer)
            assertTrue(answer, "of this picture" in answer)
            scenario.onActivity { it.findViewById<Switch>(R.id.dense).performClick() }
            val agreement = scenario.await(R.id.agreement)
            assertTrue(agreement, Regex("(100|99\\.\\d)%").containsMatchIn(agreement))
        }
    }

    /** Waits up to two minutes for a view to show text; fails with the app's own message if it reports a failure. */
    private fun ActivityScenario<MainActivity>.await(id: Int): String {
        val end = System.nanoTime() + 120_000_000_000L
        var text = ""
        while (text.isEmpty()) {
            onActivity { activity ->
                val failure = activity.findViewById<TextView>(R.id.failure)
                check(!failure.isShown) { failure.text }
                val view = activity.findViewById<TextView>(id)
                if (view.visibility == View.VISIBLE) text = view.text.toString()
            }
            check(System.nanoTime() < end) { "nothing appeared in two minutes" }
            Thread.sleep(100)
        }
        return text
    }
}
