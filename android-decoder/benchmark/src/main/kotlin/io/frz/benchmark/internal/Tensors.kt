package io.frz.benchmark.internal

import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.BenchmarkNetwork
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.Manifest
import io.frz.benchmark.TensorFile
import io.frz.benchmark.Values
import io.frz.benchmark.Variant
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

/** Reads the tensors of an assets folder. */
internal class Tensors(private val folder: File) {
    /** Returns all elements of a file. */
    fun elements(tensor: TensorFile): FloatArray {
        val file = File(folder, tensor.file)
        val bytes = try {
            file.readBytes()
        } catch (e: IOException) {
            throw BenchmarkException("$file: it cannot be read: ${e.message}", e)
        }
        val size = tensor.shape.fold(Float.SIZE_BYTES.toLong(), Long::times)
        if (bytes.size.toLong() != size) throw BenchmarkException("$file: it has ${bytes.size} bytes, not $size")
        val found = "%08x".format(CRC32().apply { update(bytes) }.value)
        if (found != tensor.crc32) {
            throw BenchmarkException("$file: its checksum is $found, not ${tensor.crc32}; make the assets again")
        }
        return FloatArray(bytes.size / Float.SIZE_BYTES).also {
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(it)
        }
    }

    /** Returns the samples along the first axis, each as a batch of one. */
    fun samples(tensor: TensorFile): List<Values> {
        val shape = tensor.shape.clone().also { it[0] = 1 }
        return rows(tensor).map { Values(shape, it) }
    }

    /** Returns the elements of each sample along the first axis. */
    fun rows(tensor: TensorFile): List<FloatArray> {
        val all = elements(tensor)
        val count = tensor.shape[0].toInt()
        val size = all.size / count
        return List(count) { all.copyOfRange(it * size, (it + 1) * size) }
    }
}

/** Loads [variant] into [runtime]. */
internal fun load(manifest: Manifest, variant: Variant, runtime: BenchmarkRuntime): BenchmarkNetwork {
    val name = variant.models[runtime.extension]
        ?: throw BenchmarkException("${variant.name} has no .${runtime.extension} model; make the assets again")
    val model = File(manifest.folder, name)
    return if (variant.weights == null) {
        runtime.loadComplete(model)
    } else {
        runtime.load(model, File(manifest.folder, variant.weights))
    }
}

/** Returns the total size of a variant's files in bytes. */
internal fun bytes(manifest: Manifest, variant: Variant, runtime: BenchmarkRuntime): Long =
    listOfNotNull(variant.models[runtime.extension], variant.weights).sumOf { File(manifest.folder, it).length() }

/** The relative L1 error of outputs: the sum of absolute differences, divided by that of the expected magnitudes. */
internal class Error {
    private var differences = 0.0
    private var magnitudes = 0.0

    /** Compares one more output. */
    fun add(found: FloatArray, expected: FloatArray) {
        if (found.size != expected.size) {
            throw BenchmarkException("an output has ${found.size} elements, but the desktop's has ${expected.size}")
        }
        for (at in found.indices) {
            val gap = Math.abs(found[at].toDouble() - expected[at])
            differences += if (gap.isNaN()) Double.POSITIVE_INFINITY else gap
            magnitudes += Math.abs(expected[at].toDouble())
        }
    }

    /** The error so far. */
    val relative: Double get() = if (differences == 0.0) 0.0 else differences / magnitudes
}
