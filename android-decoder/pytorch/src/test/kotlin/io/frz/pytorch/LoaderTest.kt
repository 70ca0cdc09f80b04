package io.frz.pytorch

import android.content.Context
import android.content.res.AssetManager
import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.pytorch.internal.LiteInterpreter
import java.io.File
import java.io.FileNotFoundException
import java.io.FilterInputStream
import java.io.IOException
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.mockito.ArgumentMatchers.anyString
import org.mockito.Mockito.mock
import org.mockito.Mockito.`when`
import org.pytorch.Module

/** Tests assets and asynchronous loading with the lite interpreter; the tests of io.frz.loading cover the details. */
class LoaderTest : OnRuntime() {
    @TempDir
    lateinit var folder: File

    @Test
    fun `assets are loaded, and the skeleton is copied to a folder that app updates clear`() {
        val assets = mock(AssetManager::class.java)
        val context = mock(Context::class.java)
        `when`(context.assets).thenReturn(assets)
        `when`(context.codeCacheDir).thenReturn(folder)
        `when`(assets.open(anyString())).thenAnswer { call -> resource(call.getArgument(0)).inputStream() }
        `when`(assets.openFd(anyString())).thenThrow(FileNotFoundException("it is compressed"))
        check(FrzModule.loader(context, "tiny.ptl", "tiny.frz").load())
        assertEquals(1, File(folder, "frz").list()!!.size)
    }

    @Test
    fun `a skeleton that is replaced after it has been verified does not reach native code`() {
        val skeleton = File(folder, "tiny.ptl").apply { writeBytes(resource("tiny.ptl").readBytes()) }
        val weights = resource("tiny.frz").inputStream()
        val replacing = object : FilterInputStream(weights) {
            override fun read(bytes: ByteArray, start: Int, size: Int): Int {
                skeleton.writeBytes(resource("other.ptl").readBytes())
                return super.read(bytes, start, size)
            }
        }
        check(FrzLoader(LiteInterpreter(null), FrzPart.of(skeleton), FrzPart.of(replacing)).load())
        assertArrayEquals(resource("other.ptl").readBytes(), skeleton.readBytes())
    }

    @Test
    fun `a module is delivered, and an unwanted one is destroyed`() {
        val ends = LinkedBlockingQueue<Any>()
        val callback = object : FrzCallback<Module> {
            override fun onLoaded(network: Module) {
                ends.add(network)
            }

            override fun onFailed(cause: IOException) {
                ends.add(cause)
            }
        }
        val loader = FrzModule.loaderOf(part("tiny.ptl"), part("tiny.frz"), folder)
        loader.loadAsync(callback)
        check(ends.poll(20, TimeUnit.SECONDS) as Module)
        val waiting = ArrayList<Runnable>()
        val options = FrzLoadOptions.builder().background(Runnable::run).callbacks { waiting.add(it) }.build()
        assertTrue(loader.loadAsync(callback, options).cancel())
        waiting.forEach(Runnable::run)
        assertTrue(ends.single() is IOException)
    }
}
