package io.frz.cli

import com.google.gson.JsonArray
import com.google.gson.JsonObject
import io.frz.DType
import io.frz.FrzFile
import io.frz.TensorInfo
import io.frz.cli.shell.replacing
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption

/** Writes the tensors of a file to a .safetensors file. Aliases become copies, because that format has no aliases. */
internal class Safetensors(private val frz: FrzFile) {
    private val offsets = LinkedHashMap<String, Long>()
    private val aliasesOf = frz.aliases.entries.groupBy({ it.value }, { it.key })
    private val header = JsonObject()
    private var end = 0L

    init {
        if (frz.metadata.isNotEmpty()) {
            header.add(
                METADATA,
                JsonObject().apply {
                    frz.metadata.forEach { (key, value) -> addProperty(key, value) }
                }
            )
        }
        for (info in frz.tensors) {
            add(info.name, info)
            aliasesOf[info.name].orEmpty().forEach { add(it, info) }
        }
    }

    private fun add(name: String, info: TensorInfo) {
        if (name == METADATA) throw IOException("tensor $name: safetensors reserves this name")
        val entry = JsonObject()
        entry.addProperty(
            "dtype",
            DTYPES[info.dtype] ?: throw IOException("tensor $name: safetensors does not support ${info.dtype.label}")
        )
        entry.add("shape", JsonArray().apply { info.shape.forEach { add(it) } })
        entry.add("data_offsets", JsonArray().apply { listOf(end, end + info.bytes).forEach { add(it) } })
        header.add(name, entry)
        offsets[name] = end
        end += info.bytes
    }

    /** Writes the tensors to [target], which remains unchanged if this fails. */
    fun write(target: File) {
        replacing(target) { partial ->
            FileChannel.open(partial.toPath(), StandardOpenOption.WRITE).use { writeAll(it) }
        }
    }

    private fun writeAll(channel: FileChannel) {
        val text = header.toString().toByteArray()
        val padded = (text.size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
        val start = ByteBuffer.allocate(Long.SIZE_BYTES + padded).order(ByteOrder.LITTLE_ENDIAN)
        start.putLong(padded.toLong()).put(text)
        while (start.hasRemaining()) start.put(' '.code.toByte())
        start.flip()
        val data = start.limit().toLong()
        channel.writeFully(start, 0)
        frz.forEach { tensor ->
            for (name in listOf(tensor.name) + aliasesOf[tensor.name].orEmpty()) {
                channel.writeFully(tensor.buffer, data + offsets.getValue(name))
            }
        }
    }

    private fun FileChannel.writeFully(bytes: ByteBuffer, position: Long) {
        var at = position
        while (bytes.hasRemaining()) at += write(bytes, at)
    }

    private companion object {
        const val ALIGNMENT = 8
        const val METADATA = "__metadata__"
        val DTYPES = mapOf(
            DType.BOOL to "BOOL",
            DType.U8 to "U8",
            DType.I8 to "I8",
            DType.U16 to "U16",
            DType.I16 to "I16",
            DType.U32 to "U32",
            DType.I32 to "I32",
            DType.U64 to "U64",
            DType.I64 to "I64",
            DType.F16 to "F16",
            DType.BF16 to "BF16",
            DType.F32 to "F32",
            DType.F64 to "F64",
            DType.C64 to "C64",
            DType.F8_E4M3 to "F8_E4M3",
            DType.F8_E5M2 to "F8_E5M2",
            DType.F8_E8M0 to "F8_E8M0"
        )
    }
}
