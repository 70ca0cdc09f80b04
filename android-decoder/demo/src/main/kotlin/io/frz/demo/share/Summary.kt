package io.frz.demo.share

import android.util.Base64
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.CheckedInputStream
import org.json.JSONArray
import org.json.JSONObject
import org.pytorch.Tensor

/** Describes tensors and files in the form that parity reports require; see docs/parity-report.md. */
internal object Summary {
    /** The number of elements above which a report omits the elements of an output. */
    private const val MOST_VALUES = 1 shl 21

    /** Describes the output of a network. [classes] are the indices of the largest logits along axis 1. */
    fun output(logits: FloatArray, shape: LongArray, classes: IntArray): JSONObject {
        val bytes = bytes(logits)
        val finite = logits.filter { !it.isNaN() && !it.isInfinite() }
        val json = JSONObject()
            .put("shape", JSONArray(shape.toList()))
            .put("crc32", checksum(bytes))
            .put("nonfinite", logits.size - finite.size)
            .put("classes", JSONObject().put("axis", 1).put("runs", runs(classes)))
        if (finite.isNotEmpty()) {
            json.put("min", finite.min().toDouble())
            json.put("max", finite.max().toDouble())
            json.put("mean", finite.sumOf { it.toDouble() } / finite.size)
        }
        if (logits.size <= MOST_VALUES) {
            val data = Base64.encodeToString(bytes, Base64.NO_WRAP)
            json.put("values", JSONObject().put("encoding", "base64-f32").put("data", data))
        }
        return json
    }

    /** Returns the checksum of the elements of [tensor]. */
    fun checksum(tensor: Tensor): String = checksum(bytes(tensor.dataAsFloatArray))

    /** Returns the checksum of the content of [stream]. */
    fun checksum(stream: InputStream): String {
        val crc = CRC32()
        CheckedInputStream(stream, crc).use { it.readBytes() }
        return hexadecimal(crc)
    }

    private fun checksum(bytes: ByteArray) = hexadecimal(CRC32().apply { update(bytes) })

    private fun hexadecimal(crc: CRC32) = crc.value.toString(16).padStart(8, '0')

    private fun bytes(values: FloatArray): ByteArray {
        val bytes = ByteBuffer.allocate(Float.SIZE_BYTES * values.size).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(values)
        return bytes.array()
    }

    private fun runs(classes: IntArray): JSONArray {
        val runs = JSONArray()
        var start = 0
        for (i in 1..classes.size) {
            if (i < classes.size && classes[i] == classes[start]) continue
            runs.put(classes[start]).put(i - start)
            start = i
        }
        return runs
    }
}
