package io.frz.consumer

import android.content.Context
import io.frz.BasisKind
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.TensorMemory
import io.frz.pytorch.FrzCallback
import io.frz.pytorch.FrzLoading
import io.frz.pytorch.FrzModule
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleOptions
import io.frz.pytorch.FrzPart
import io.frz.pytorch.ktx.FrzCoroutines
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.pytorch.Module

/** Represents an app written in an old version of Kotlin; most of the test is that it compiles. */
class AppTest {
    /** This is only compiled, because a JVM has no Android context. */
    @Suppress("unused")
    private class Screen(private val context: Context) : FrzCallback {
        private val options = FrzModuleOptions.builder().threads(2).progress { done, total -> println("$done/$total") }
        private val loading: FrzLoading =
            FrzModule.loadAsync(context, "model.ptl", "model.frz", this, options.build())

        override fun onLoaded(module: Module) = module.destroy()

        override fun onFailed(cause: IOException) {
            if (cause is FrzModuleException) println(cause.kind)
        }

        fun close() = loading.cancel()

        suspend fun load(): Module = FrzCoroutines.load(context, "model.ptl", "model.frz")
    }

    @Test
    fun `files are read`() {
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
        val thrown = assertThrows(FrzModuleException::class.java) {
            runBlocking { FrzCoroutines.load(nothing, nothing, File("nowhere")) }
        }
        assertEquals(FrzModuleException.Kind.UNREADABLE, thrown.kind)
    }
}
