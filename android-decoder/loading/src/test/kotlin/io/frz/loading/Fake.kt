package io.frz.loading

import io.frz.FrzFile
import java.io.ByteArrayInputStream
import java.io.File
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows

/** A network of the [Fake] runtime: a checksum of all its weights. */
class Net(val sum: Long) {
    @Volatile
    var isFreed = false
}

/** A stream that records whether it has been closed. */
class Closing(bytes: ByteArray) : ByteArrayInputStream(bytes) {
    var isClosed = false

    override fun close() {
        isClosed = true
    }
}

/** A runtime whose networks are checksums. */
class Fake : FrzRuntime<Net> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net {
        val total = weights.tensors.sumOf { it.bytes }
        load.admit(weights, 2 * total, weights.tensors.first().name)
        val sum = CRC32()
        var done = 0L
        load.memory(total).use { memory ->
            load.report(0, total)
            weights.forEach({ memory.allocate(it.bytes) }) { tensor ->
                load.checkCancelled()
                val bytes = tensor.buffer
                sum.update(ByteArray(bytes.remaining()).also(bytes::get))
                done += tensor.shape.fold(tensor.dtype.bytes.toLong(), Long::times)
                load.report(done, total)
            }
        }
        return Net(sum.value)
    }

    override fun free(network: Net) {
        assertFalse(network.isFreed, "freed twice")
        network.isFreed = true
    }

    companion object {
        fun resource(name: String) = File("../pytorch/src/test/resources/$name")

        fun part(name: String): FrzPart = FrzPart.of(resource(name))

        /** Returns an intact skeleton: [bytes] with a valid seal. */
        fun sealed(bytes: ByteArray): ByteArray {
            val marked = bytes + "frz:crc32:".toByteArray()
            return marked + "%08x".format(CRC32().apply { update(marked) }.value).toByteArray()
        }

        /** Returns the checksum of all weights of the file [name]. */
        fun sumOf(name: String, options: FrzLoadOptions = FrzLoadOptions.DEFAULT): Long =
            loader(part("wide.ptl"), part(name)).load(options).sum

        fun loader(skeleton: FrzPart, weights: FrzPart) = FrzLoader(Fake(), skeleton, weights)

        fun load(
            options: FrzLoadOptions = FrzLoadOptions.DEFAULT,
            weights: FrzPart = part("wide.frz"),
            skeleton: FrzPart = part("wide.ptl")
        ) = loader(skeleton, weights).load(options)

        /** Returns the exception that a load throws. */
        fun fault(skeleton: FrzPart, weights: FrzPart = part("tiny.frz")): FrzLoadException =
            assertThrows(FrzLoadException::class.java) { loader(skeleton, weights).load() }

        /** The size of all weights of `wide.frz`, in bytes. */
        const val WIDE_BYTES = 4L * (1024 * 1024 + 1024 + 512 * 1024 + 512)

        /** A delta file, and its base. */
        val NEWER = File("../../spec/vectors/valid/delta-steps.frz")
        val OLDER = File("../../spec/vectors/base-files/f3e888adf29ef33f.frz")
    }
}
