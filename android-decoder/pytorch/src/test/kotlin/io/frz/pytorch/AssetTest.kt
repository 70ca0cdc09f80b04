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

    /** Makes [name] an asset that lies uncompressed within an APK. */
    private fun store(name: String) {
        val content = resource(name).readBytes()
        val apk = File(folder, "base.apk").apply { writeBytes(ByteArray(13) + content + ByteArray(7)) }
        val opened = apk.inputStream().apply { channel.position(13) }
        val descriptor = mock(AssetFileDescriptor::class.java)
        `when`(descriptor.startOffset).thenReturn(13L)
        `when`(descriptor.declaredLength).thenReturn(content.size.toLong())
        `when`(descriptor.createInputStream()).thenReturn(mock(AssetFileDescriptor.AutoCloseInputStream::class.java))
        `when`(descriptor.createInputStream().channel).thenReturn(opened.channel)
        org.mockito.Mockito.doReturn(descriptor).`when`(assets).openFd(name)
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
