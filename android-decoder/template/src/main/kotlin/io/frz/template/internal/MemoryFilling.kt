package io.frz.template.internal

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Fills templates in memory. */
internal object MemoryFilling : FrzRuntime<ByteBuffer> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): ByteBuffer =
        LayoutParser.parsed(skeleton.bytes) { layout, stream ->
            val filler = Filler(layout, stream, weights, load)
            filler.check()
            val memory = allocate(layout.size.toInt())
            filler.fill(memory)
            memory
        }

    override fun free(network: ByteBuffer): Unit = Unit

    private fun allocate(size: Int): ByteBuffer = try {
        ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
    } catch (e: OutOfMemoryError) {
        throw FrzException(
            ErrorCode.BUDGET,
            "$size bytes of memory for the filled file cannot be allocated; use FrzTemplate.fileLoader instead",
            cause = e
        )
    }
}
