package io.frz.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.RadioGroup
import android.widget.Toast
import io.frz.demo.compare.ComparePresenter
import io.frz.demo.compare.CompareScreen
import io.frz.demo.compare.choice
import io.frz.demo.compare.put
import io.frz.demo.learn.LearnPresenter
import io.frz.demo.learn.LearnScreen
import io.frz.demo.network.Pictures
import io.frz.demo.suite.SuitePresenter
import io.frz.demo.suite.SuiteScreen
import io.frz.demo.work.visible
import java.io.IOException

/** The app's window, which contains a screen for each tab and shows one of them. */
public class MainActivity : Activity() {
    /** The objects that survive a rotation. */
    internal class Kept(val compare: ComparePresenter, val learn: LearnPresenter, val suite: SuitePresenter)

    internal lateinit var kept: Kept
        private set
    internal lateinit var screen: CompareScreen
        private set
    private lateinit var learn: LearnScreen

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        setContentView(R.layout.main)
        @Suppress("DEPRECATION") // Without androidx, there is no other way to keep work across a rotation.
        val before = lastNonConfigurationInstance as? Kept
        kept = before ?: Kept(ComparePresenter(this), LearnPresenter(this), SuitePresenter(this))
        screen = CompareScreen(findViewById(R.id.compare), kept.compare) { choosePicture(COMPARE) }
        learn = LearnScreen(findViewById(R.id.learn), kept.learn) { choosePicture(LEARN) }
        SuiteScreen(findViewById(R.id.suite), kept.suite)
        val tabs = findViewById(R.id.tabs) as RadioGroup
        tabs.setOnCheckedChangeListener { _, tab -> show(tab) }
        show(tabs.checkedRadioButtonId)
        if (before == null) kept.compare.show(saved.choice())
    }

    override fun onRestoreInstanceState(saved: Bundle) {
        super.onRestoreInstanceState(saved)
        show((findViewById(R.id.tabs) as RadioGroup).checkedRadioButtonId)
    }

    @Suppress("OVERRIDE_DEPRECATION")
    override fun onRetainNonConfigurationInstance(): Any = kept

    override fun onSaveInstanceState(out: Bundle) {
        super.onSaveInstanceState(out)
        out.put(kept.compare.state.choice)
    }

    override fun onDestroy() {
        if (isChangingConfigurations) {
            kept.compare.listener = null
            kept.learn.listener = null
            kept.suite.listener = null
        } else {
            kept.compare.close()
            kept.learn.close()
            kept.suite.close()
        }
        super.onDestroy()
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val picture = data?.data ?: return
        if (request == COMPARE) {
            kept.compare.show(kept.compare.state.choice.copy(own = picture))
        } else {
            showExample(picture)
        }
    }

    private fun show(tab: Int) {
        findViewById(R.id.compare).visible(tab == R.id.tab_compare)
        findViewById(R.id.learn).visible(tab == R.id.tab_learn)
        findViewById(R.id.suite).visible(tab == R.id.tab_suite)
    }

    private fun showExample(picture: Uri) {
        try {
            learn.show(Pictures.own(contentResolver, picture))
        } catch (e: IOException) {
            Toast.makeText(this, getString(R.string.failed_picture, e.message), Toast.LENGTH_LONG).show()
        }
    }

    private fun choosePicture(request: Int) {
        val intent = Intent(Intent.ACTION_GET_CONTENT).setType("image/*").addCategory(Intent.CATEGORY_OPENABLE)
        try {
            startActivityForResult(intent, request)
        } catch (_: ActivityNotFoundException) {
            Toast.makeText(this, R.string.no_picker, Toast.LENGTH_LONG).show()
        }
    }

    private companion object {
        const val COMPARE = 0
        const val LEARN = 1
    }
}
