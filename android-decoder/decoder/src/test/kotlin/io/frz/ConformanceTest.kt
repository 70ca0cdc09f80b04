package io.frz

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.internal.Float16
import io.frz.internal.coding.stepSize
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** The files in spec/vectors: valid ones decode to what stands there, faulty ones are refused as it stands there. */
class ConformanceTest {
    private val folder = File("../../spec/vectors")
    private val vectors = JsonParser.parseString(File(folder, "vectors.json").readText()).asJsonObject

    private fun entries(kind: String): List<JsonObject> =
        vectors.getAsJsonArray(kind).map { it.asJsonObject }.also { check(it.isNotEmpty()) { "no $kind vectors" } }

    private fun open(entry: JsonObject): FrzFile {
        val options = FrzOptions.builder().memoryBudget((entry["budget"] ?: vectors["budget"]).asLong)
        entry["tier"]?.let { options.tier(it.asInt) }
        val bytes = File(folder, entry["file"].asString).readBytes()
        assertEquals(entry["sha256"].asString, sha256(ByteBuffer.wrap(bytes)))
        return FrzFile.open(bytes, options.build())
    }

    @TestFactory
    fun valid(): List<DynamicTest> = entries("valid").map { entry ->
        dynamicTest(entry["name"].asString) {
            val file = open(entry)
            assertEquals(entry["tiers"].asInt, file.tiers)
            assertEquals(entry["tiersPresent"].asInt, file.tiersPresent)
            assertEquals(strings(entry["metadata"]), file.metadata)
            assertEquals(strings(entry["aliases"]).toList(), file.aliases.toList())
            assertEquals(entry["rows"]?.let { strings(it).toList() }.orEmpty(), file.rows.toList())
            val expected = entry.getAsJsonArray("tensors").map { it.asJsonObject }
            assertEquals(expected.map { it["name"].asString }, file.tensors.map { it.name })
            file.tensors.zip(expected).forEach { (info, tensor) ->
                assertListed(info, tensor)
                if (info.coding == Coding.RAW) assertElements(file, info, tensor) else assertWeights(file, info, tensor)
            }
        }
    }

    @TestFactory
    fun `all tensors are those of the model`(): List<DynamicTest> =
        entries("valid").filter { it["name"].asString.startsWith("rows-") }.map { entry ->
            dynamicTest(entry["name"].asString) {
                val file = open(entry)
                val rows = entry["rows"]?.let { strings(it).values }.orEmpty()
                val tensors = entry.getAsJsonArray("tensors").map { it.asJsonObject["name"].asString } - rows.toSet()
                val aliases = strings(entry["aliases"]).filterValues { it !in rows }.keys
                assertEquals(tensors, file.model.map { it.name })
                val all = file.loadAll()
                assertEquals(tensors + aliases, all.keys.toList())
                for ((name, tensor) in all) {
                    assertEquals(file.load(name).buffer, tensor.buffer, name)
                    assertEquals(file.tensor(name).shape.toList(), tensor.shape.toList())
                }
                val seen = HashSet<String>()
                file.forEach { tensor ->
                    assertEquals(all.getValue(tensor.name).buffer, tensor.buffer, tensor.name)
                    assertTrue(seen.add(tensor.name))
                }
                assertEquals(tensors.toSet(), seen)
            }
        }

    @TestFactory
    fun faulty(): List<DynamicTest> = entries("faulty").map { entry ->
        dynamicTest(entry["name"].asString) {
            val code = ErrorCode.valueOf(entry["code"].asString)
            if (entry["at"].asString == "open") {
                refused(code) { open(entry) }
            } else {
                val file = open(entry)
                refused(code) { file.load(entry["tensor"].asString) }
            }
        }
    }

    private fun assertListed(info: TensorInfo, tensor: JsonObject) {
        assertEquals(tensor["coding"].asString, info.coding.label)
        assertEquals(tensor["dtype"].asString, info.dtype.label)
        assertEquals(longs(tensor["shape"]), info.shape.toList())
        assertEquals(tensor["coder"].asString, info.coder.label)
        if (info.coding == Coding.RAW) return
        assertEquals(tensor["format"].asString, info.format?.label)
        assertEquals(tensor["step"].takeUnless { it.isJsonNull }?.let { stepSize(it.asInt) }, info.step)
        assertEquals(tensor["view"].takeUnless { it.isJsonNull }?.let { longs(it) }, info.view?.toList())
        assertEquals(longs(tensor["kept"]).map { it.toInt() }, info.keptByTier)
    }

    private fun assertElements(file: FrzFile, info: TensorInfo, tensor: JsonObject) {
        if (tensor["elements"].isJsonNull) return
        assertEquals(tensor["elements"].asString, sha256(file.load(info.name).buffer))
    }

    private fun assertWeights(file: FrzFile, info: TensorInfo, tensor: JsonObject) {
        val coefficients = file.coefficients(info.name)
        val bytes = ByteBuffer.allocate(4 * coefficients.size).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(coefficients)
        assertEquals(tensor["coefficients"].asString, sha256(bytes))
        if (tensor["weights"].isJsonNull) return

        val weights = tensor["weights"].asJsonObject
        val tolerance = 1e-6 * weights["max"].asDouble + Math.scalb(1.0, -126)
        val elements = file.load(info.name).buffer
        for (pair in weights.getAsJsonArray("sample")) {
            val (index, weight) = (pair as JsonArray).let { it[0].asInt to it[1].asDouble }
            val actual = element(info.dtype, elements, index)
            val low = rounded(info.dtype, weight - tolerance)
            val high = rounded(info.dtype, weight + tolerance)
            assertTrue(actual in low..high, "${info.name}[$index] is $actual, not $weight")
        }
        if (weights["max"].asDouble == 0.0) {
            while (elements.hasRemaining()) assertEquals(0, elements.get().toInt() and 0x7F)
        }
    }

    private fun element(dtype: DType, elements: ByteBuffer, index: Int): Double = when (dtype) {
        DType.F64 -> elements.getDouble(8 * index)
        DType.F32 -> elements.getFloat(4 * index).toDouble()
        DType.F16 -> Float16.F16.value(elements.getShort(2 * index)).toDouble()
        else -> Float16.BF16.value(elements.getShort(2 * index)).toDouble()
    }

    private fun rounded(dtype: DType, value: Double): Double = when (dtype) {
        DType.F64 -> value
        DType.F32 -> value.toFloat().toDouble()
        DType.F16 -> Float16.F16.run { value(round(value)) }.toDouble()
        else -> Float16.BF16.run { value(round(value)) }.toDouble()
    }

    private fun strings(map: JsonElement): Map<String, String> =
        map.asJsonObject.entrySet().associate { it.key to it.value.asString }

    private fun longs(list: JsonElement): List<Long> = list.asJsonArray.map { it.asLong }

    private fun sha256(bytes: ByteBuffer): String =
        MessageDigest.getInstance("SHA-256").apply { update(bytes) }.digest().joinToString("") { "%02x".format(it) }
}
