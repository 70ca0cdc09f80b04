package io.frz.consumer

import android.content.Context
import io.frz.BasisKind
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.TensorMemory
import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoading
import io.frz.loading.FrzPart
import io.frz.loading.ktx.await
import io.frz.pytorch.FrzModule
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.pytorch.Module

/** Represents an app written in an old version of Kotlin. The main test is that this class compiles. */
class AppTest {
    /** The code of an app, which is only compiled, because this JVM has no Android context. */
    @Suppress("unused")
    private class Screen(context: Context) : FrzCallback<Module> {
        private val loader = FrzModule.loader(context, "model.ptl", "model.frz")
        private val options = FrzLoadOptions.builder().threads(2).progress { done, total -> println("$done/$total") }
        private val loading: FrzLoading =
            loader.loadAsync(this, options.build())

        override fun onLoaded(network: Module) = network.destroy()

        override fun onFailed(cause: IOException) {
            if (cause is FrzLoadException) println(cause.kind)
        }

        fun close() = loading.cancel()

        suspend fun load(): Module = loader.await()
    }

    @Test
    fun `a file is read`() {
        val options = FrzOptions.builder().threads(2).memoryBudget(1L shl 28).build()
        FrzFile.open(File("../pytorch/src/test/resources/wide.frz"), options).use { file ->
            val loaded = file.loadAll()
            assertEquals(file.tensors.map { it.name }, (loaded.keys - file.aliases.keys).toList())
            file.forEach(TensorMemory { ByteBuffer.allocateDirect(it.bytes.toInt()) }) { tensor ->
                assertEquals(loaded.getValue(tensor.name).buffer, tensor.buffer)
            }
            assertTrue(file.tensors.any { BasisKind.DCT in it.bases })
            val thrown = assertThrows(FrzException::class.java) { file.load("nothing") }
            assertEquals(ErrorCode.NOT_FOUND, thrown.code)
        }
    }

    @Test
    fun `failures reach the coroutine`() {
        val nothing = FrzPart.of(File("nothing"))
        val thrown = assertThrows(FrzLoadException::class.java) {
            runBlocking { FrzModule.loaderOf(nothing, nothing, File("nowhere")).await() }
        }
        assertEquals(FrzLoadException.Kind.UNREADABLE, thrown.kind)
    }
}
