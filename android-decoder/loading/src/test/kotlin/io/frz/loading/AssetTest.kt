package io.frz.loading

import android.content.Context
import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.Fake.Companion.loader
import io.frz.loading.Fake.Companion.part
import io.frz.loading.Fake.Companion.resource
import io.frz.loading.Fake.Companion.sumOf
import io.frz.loading.FrzLoadException.Kind
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.mockito.ArgumentMatchers.anyString
import org.mockito.Mockito.mock
import org.mockito.Mockito.`when`

/** Tests uncompressed and compressed assets in an APK, with a mock of Android's asset manager. */
class AssetTest {
    @TempDir
    lateinit var folder: File

    private val assets = mock(AssetManager::class.java)
    private val context = mock(Context::class.java)

    @BeforeEach
    fun answer() {
        `when`(context.assets).thenReturn(assets)
        `when`(assets.open(anyString())).thenAnswer { call -> resource(call.getArgument(0)).inputStream() }
        `when`(assets.openFd(anyString())).thenThrow(FileNotFoundException("it is compressed"))
    }

    /** Returns the descriptor that Android opens for the asset [name] if it is stored uncompressed in an APK. */
    private fun descriptor(name: String, isLengthKnown: Boolean = true): AssetFileDescriptor {
        val content = resource(name).readBytes()
        val behind = ByteArray(if (isLengthKnown) 7 else 0)
        val apk = File(folder, "$name.apk").apply { writeBytes(ByteArray(13) + content + behind) }
        val descriptor = mock(AssetFileDescriptor::class.java)
        `when`(descriptor.startOffset).thenReturn(13L)
        `when`(descriptor.declaredLength).thenReturn(if (isLengthKnown) content.size.toLong() else -1)
        `when`(descriptor.fileDescriptor).thenReturn(apk.inputStream().fd)
        return descriptor
    }

    /** Makes [name] an asset that is stored uncompressed in an APK. */
    private fun store(name: String) {
        org.mockito.Mockito.doReturn(descriptor(name)).`when`(assets).openFd(name)
    }

    private fun asset(skeleton: String, weights: String) =
        loader(FrzPart.asset(context, skeleton), FrzPart.asset(context, weights))

    private fun check(loader: FrzLoader<Net>) = assertEquals(sumOf("tiny.frz"), loader.load().sum)

    @Test
    fun `a descriptor opened by Android is mapped and stays open`() {
        for (isLengthKnown in listOf(true, false)) {
            val weights = descriptor("tiny.frz", isLengthKnown)
            val skeleton = FrzPart.asset(descriptor("tiny.ptl", isLengthKnown))
            repeat(2) { check(loader(skeleton, FrzPart.asset(weights))) }
            org.mockito.Mockito.verify(weights, org.mockito.Mockito.never()).close()
        }
    }

    @Test
    fun `a part of a channel is mapped`() {
        val files = listOf("tiny.ptl", "tiny.frz").map { resource(it).inputStream().channel }
        val parts = files.map { FrzPart.of(it, 0, it.size()) }
        check(loader(parts[0], parts[1]))
        files.forEach { assertTrue(it.isOpen) }
    }

    @Test
    fun `compressed assets are unpacked`() = check(asset("tiny.ptl", "tiny.frz"))

    @Test
    fun `compressed weights are unpacked within the budget`() {
        val endless = object : InputStream() {
            private val start = resource("wide.frz").inputStream()
            var isClosed = false

            override fun read(): Int = maxOf(0, start.read())

            override fun close() {
                isClosed = true
            }
        }
        org.mockito.Mockito.doReturn(endless).`when`(assets).open("wide.frz")
        val options = FrzLoadOptions.builder().memoryBudget(1).build()
        val refused = assertThrows(FrzException::class.java) { asset("wide.ptl", "wide.frz").load(options) }
        assertEquals(ErrorCode.BUDGET, refused.code)
        assertTrue(endless.isClosed)
    }

    @Test
    fun `stored weights are mapped`() {
        store("tiny.frz")
        check(loader(part("tiny.ptl"), FrzPart.asset(assets, "tiny.frz")))
        org.mockito.Mockito.verify(assets, org.mockito.Mockito.never()).open("tiny.frz")
    }

    @Test
    fun `a missing asset is named`() {
        org.mockito.Mockito.doThrow(FileNotFoundException("gone.frz")).`when`(assets).open("gone.frz")
        for ((skeleton, weights) in listOf("gone.frz" to "tiny.frz", "tiny.ptl" to "gone.frz")) {
            val missing = assertThrows(FrzLoadException::class.java) { asset(skeleton, weights).load() }
            assertEquals(Kind.UNREADABLE, missing.kind)
            assertTrue("gone.frz" in missing.message!!)
        }
    }
}
