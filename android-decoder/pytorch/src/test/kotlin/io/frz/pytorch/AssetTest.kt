package io.frz.pytorch

import android.content.Context
import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import io.frz.pytorch.FrzModuleException.Kind
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.mockito.ArgumentMatchers.anyString
import org.mockito.Mockito.mock
import org.mockito.Mockito.`when`
import org.pytorch.Module

/** Assets, in place of Android's asset code: one file of several that are stored together, or a compressed one. */
class AssetTest : OnRuntime() {
    @TempDir
    lateinit var folder: File

    private val assets = mock(AssetManager::class.java)
    private val context = mock(Context::class.java)

    @BeforeEach
    fun answer() {
        `when`(context.assets).thenReturn(assets)
        `when`(context.codeCacheDir).thenReturn(folder)
        `when`(assets.open(anyString())).thenAnswer { call -> resource(call.getArgument(0)).inputStream() }
        `when`(assets.openFd(anyString())).thenThrow(FileNotFoundException("it is compressed"))
    }

    /** What Android opens for the asset [name] if it is stored uncompressed in an APK. */
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

    @Test
    fun `what Android has opened is mapped, and stays open`() {
        for (isLengthKnown in listOf(true, false)) {
            val weights = descriptor("tiny.frz", isLengthKnown)
            val skeleton = FrzPart.of(descriptor("tiny.ptl", isLengthKnown))
            repeat(2) { check(FrzModule.load(skeleton, FrzPart.of(weights), File(folder, "cache"))) }
            org.mockito.Mockito.verify(weights, org.mockito.Mockito.never()).close()
        }
    }

    @Test
    fun `a part of a channel is mapped`() {
        val files = listOf("tiny.ptl", "tiny.frz").map { resource(it).inputStream().channel }
        val parts = files.map { FrzPart.of(it, 0, it.size()) }
        check(FrzModule.load(parts[0], parts[1], File(folder, "cache")))
        files.forEach { assertTrue(it.isOpen) }
    }

    @Test
    fun `compressed assets are unpacked`() = check(FrzModule.load(context, "tiny.ptl", "tiny.frz"))

    @Test
    fun `stored weights are mapped`() {
        store("tiny.frz")
        check(FrzModule.load(assets, File(folder, "cache"), "tiny.ptl", "tiny.frz"))
        org.mockito.Mockito.verify(assets, org.mockito.Mockito.never()).open("tiny.frz")
    }

    @Test
    fun `the copy of a skeleton is in a folder that updates empty`() {
        FrzModule.load(context, "tiny.ptl", "tiny.frz").destroy()
        assertEquals(1, File(folder, "frz").list()!!.size)
    }

    @Test
    fun `an asset that is not there is named`() {
        org.mockito.Mockito.doThrow(FileNotFoundException("gone.frz")).`when`(assets).open("gone.frz")
        for ((skeleton, weights) in listOf("gone.frz" to "tiny.frz", "tiny.ptl" to "gone.frz")) {
            val missing = assertThrows(FrzModuleException::class.java) { FrzModule.load(context, skeleton, weights) }
            assertEquals(Kind.UNREADABLE, missing.kind)
            assertTrue("gone.frz" in missing.message!!)
        }
    }

    @Test
    fun `assets are loaded in the background`() {
        val ended = CountDownLatch(1)
        val callback = object : FrzCallback {
            override fun onLoaded(module: Module) {
                check(module)
                ended.countDown()
            }

            override fun onFailed(cause: IOException) = Unit
        }
        FrzModule.loadAsync(context, "tiny.ptl", "tiny.frz", callback)
        assertTrue(ended.await(20, TimeUnit.SECONDS))
    }
}
