package io.frz.demo

import android.content.Intent
import android.graphics.BitmapFactory
import android.net.Uri
import android.provider.OpenableColumns
import io.frz.demo.compare.Choice
import java.io.FileNotFoundException
import kotlin.math.abs
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** Checks that the app computes the same results as PyTorch on a desktop. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ParityIT {
    @Test
    fun `the report of LeNet-5 equals the desktop's`() {
        val app = App()
        app.show(Choice(network = app.network("lenet5")))
        val report = share(app)
        val desktop = App.desktop("lenet5")
        assertEquals("frz-parity-report", report.getString("format"))
        assertEquals(1, report.getInt("version"))
        assertEquals("1.12.2", report.getJSONObject("runtime").getString("version"))
        assertEquals(35, report.getJSONObject("device").getInt("api_level"))
        for (part in listOf("skeleton", "weights")) {
            val a = desktop.getJSONObject("model").getJSONObject(part)
            val b = report.getJSONObject("model").getJSONObject(part)
            for (key in listOf("file", "bytes", "crc32")) assertEquals(part, a[key].toString(), b[key].toString())
        }
        for (time in listOf("total", "skeleton", "decode", "first_forward")) {
            assertTrue(time, report.getJSONObject("load").getDouble(time) > 0)
        }
        assertTrue(report.getJSONObject("memory").getLong("peak") >= report.getJSONObject("memory").getLong("before"))
        val worst = compare(inputs(desktop), inputs(report))
        println("LeNet-5, app against desktop: largest difference of a logit $worst")
        // Single precision cannot represent the fourth decimal place of large logits.
        val largest = (0 until inputs(desktop).length()).maxOf { index -> values(desktop, index).maxOf { abs(it) } }
        assertTrue("$worst", worst <= maxOf(1e-4f, 1e-6f * largest))
    }

    @Test
    fun `the masks of the UNet equal the desktop's, compressed and dense`() {
        val app = App()
        app.show(Choice(network = app.network("unet"), dense = true))
        assertNull(app.state.failure?.text(app.activity))
        val expected = values(App.desktop("unet"), 0)
        for (side in listOf(app.state.compressed, app.state.dense)) {
            val difference = App.difference(expected, side.run!!.output.logits)
            println("UNet, app against desktop: largest difference of a logit $difference, ${side.run!!.time} ms")
            assertTrue("$difference", difference <= 1e-3)
        }
        println(app.texts().joinToString("; "))
        assertTrue(Regex("The car covers \\d+(\\.\\d)?% of this picture").matches(app.text(R.id.answer)))
        val agreement = app.text(R.id.agreement)
        assertTrue(agreement, Regex("Both give the same answer for .*% of the pixels.").matches(agreement))
    }

    @Test
    fun `a shared result is a picture with the answer in words`() {
        val app = App()
        app.screen.shareResult()
        app.settle()
        val send = app.sent()
        val text = send.getStringExtra(Intent.EXTRA_TEXT)!!
        assertTrue(text, text.startsWith(app.text(R.id.answer)))
        val uri = send.getParcelableExtra<Uri>(Intent.EXTRA_STREAM)!!
        assertEquals("image/png", app.activity.contentResolver.getType(uri))
        val picture = app.activity.contentResolver.openInputStream(uri)!!.use { BitmapFactory.decodeStream(it) }
        assertEquals(app.state.picture!!.width, picture.width)
    }

    @Test
    fun `only a report can be read`() {
        val app = App()
        app.show(Choice(network = app.network("lenet5")))
        app.compare.shareReport()
        app.settle()
        val uri = shared(app)
        val resolver = app.activity.contentResolver
        assertEquals("application/json", resolver.getType(uri))
        resolver.query(uri, null, null, null, null)!!.use { cursor ->
            cursor.moveToFirst()
            assertEquals(uri.lastPathSegment, cursor.getString(cursor.getColumnIndex(OpenableColumns.DISPLAY_NAME)))
            assertTrue(cursor.getLong(cursor.getColumnIndex(OpenableColumns.SIZE)) > 1000)
        }
        assertThrows(FileNotFoundException::class.java) { resolver.openFileDescriptor(uri, "rw") }
        for (path in listOf("..", "no.json", "%2e%2e%2fcache%2fshared%2f${uri.lastPathSegment}", "")) {
            val other = Uri.parse("content://io.frz.demo.shared/$path")
            assertThrows(path, FileNotFoundException::class.java) { resolver.openFileDescriptor(other, "r") }
            assertNull(path, resolver.query(other, null, null, null, null))
        }
        assertThrows(UnsupportedOperationException::class.java) { resolver.delete(uri, null, null) }
    }

    private fun compare(there: JSONArray, here: JSONArray): Float {
        assertEquals(there.length(), here.length())
        return (0 until there.length()).maxOf { index ->
            val a = there.getJSONObject(index)
            val b = here.getJSONObject(index)
            for (key in listOf("name", "shape", "crc32")) assertEquals("$index", a[key].toString(), b[key].toString())
            val output = b.getJSONObject("output")
            val logits = App.values(output)
            assertEquals(a.getJSONObject("output")["shape"].toString(), output["shape"].toString())
            val best = logits.indices.maxByOrNull { logits[it] }
            assertEquals("[$best,1]", output.getJSONObject("classes")["runs"].toString())
            assertEquals(logits.max().toDouble(), output.getDouble("max"), 0.0)
            App.difference(App.values(a.getJSONObject("output")), logits)
        }
    }

    private fun inputs(report: JSONObject) = report.getJSONArray("inputs")

    private fun values(report: JSONObject, index: Int) =
        App.values(inputs(report).getJSONObject(index).getJSONObject("output"))

    private fun share(app: App): JSONObject {
        app.compare.shareReport()
        app.settle()
        assertNull(app.state.failure?.text(app.activity))
        return app.sentReport()
    }

    /** Returns the URI that the app shares with other apps. */
    private fun shared(app: App): Uri = app.sent().getParcelableExtra(Intent.EXTRA_STREAM)!!
}
