package io.frz

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.internal.Float16
import io.frz.internal.values.stepSize
import java.io.File
import java.nio.ByteBuffer
import java.security.MessageDigest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/**
 * Checks that the valid files in spec/vectors decode to the expected values, and that the faulty ones are rejected with
 * the expected error codes.
 */
class ConformanceTest {
    private val folder = File("../../spec/vectors")
    private val vectors = JsonParser.parseString(File(folder, "vectors.json").readText()).asJsonObject

    private fun entries(kind: String): List<JsonObject> =
        vectors.getAsJsonArray(kind).map { it.asJsonObject }.also { check(it.isNotEmpty()) { "no $kind vectors" } }

    private fun open(entry: JsonObject, bytes: ByteArray = File(folder, entry["file"].asString).readBytes()): FrzFile {
        val options = FrzOptions.builder().memoryBudget((entry["budget"] ?: vectors["budget"]).asLong)
        entry["tier"]?.let { options.tier(it.asInt) }
        assertEquals(entry["bytes"].asInt, bytes.size)
        assertEquals(entry["sha256"].asString, sha256(ByteBuffer.wrap(bytes)))
        return FrzFile.open(bytes, options.build(), base(entry) { FrzFile.open(bytes, options.build()).isDelta })
    }

    /**
     * Opens the base of a vector. If the base is faulty, throws for a delta file; otherwise returns null, because the
     * base is ignored for all other files.
     */
    private fun base(entry: JsonObject, isDelta: () -> Boolean): FrzFile? {
        val file = File(folder, (entry["base"] ?: return null).asString)
        return try {
            FrzFile.open(file)
        } catch (e: FrzException) {
            if (isDelta()) throw FrzException(ErrorCode.BASE, "the base cannot be used", cause = e) else null
        }
    }

    @TestFactory
    fun valid(): List<DynamicTest> = entries("valid").map { dynamicTest(it["name"].asString) { check(open(it), it) } }

    @TestFactory
    fun generated(): List<DynamicTest> = entries("generated").map { entry ->
        dynamicTest(entry["name"].asString) { check(open(entry, Realistic.file()), entry) }
    }

    private fun check(file: FrzFile, entry: JsonObject) {
        assertEquals(entry["tiers"].asInt, file.tiers)
        assertEquals(entry["tiersPresent"].asInt, file.tiersPresent)
        assertEquals(strings(entry["metadata"]), file.metadata)
        assertEquals(strings(entry["aliases"]).toList(), file.aliases.toList())
        val factors = entry.getAsJsonArray("factors")?.map { it.asJsonObject }.orEmpty()
        assertEquals(factors.size, file.factors.size)
        factors.forEachIndexed { number, factor ->
            assertListed(file.factors[number], factor)
            assertEquals(factor["values"].asString, sha256(file.factor(number).buffer))
        }
        val tensors = entry.getAsJsonArray("tensors").map { it.asJsonObject }
        assertEquals(tensors.map { it["name"].asString }, file.tensors.map { it.name })
        file.tensors.zip(tensors).forEach { (info, tensor) ->
            assertListed(info, tensor)
            if (!tensor["values"].isJsonNull) {
                assertEquals(tensor["values"].asString, sha256(file.core(info.name).buffer))
            }
            tensor["elements"]?.let { assertEquals(it.asString, sha256(file.load(info.name).buffer)) }
            tensor["weights"]?.takeUnless { it.isJsonNull }?.let { assertWeights(file, info, it.asJsonObject) }
        }
        for ((alias, name) in file.aliases) assertEquals(file.tensor(name), file.tensor(alias))
    }

    @TestFactory
    fun faulty(): List<DynamicTest> = entries("faulty").map { entry ->
        dynamicTest(entry["name"].asString) {
            val code = ErrorCode.valueOf(entry["code"].asString)
            if (entry["at"].asString == "open") {
                refused(code) { open(entry) }
            } else {
                val file = open(entry)
                val sound = entry.getAsJsonArray("sound")?.map { it.asString }.orEmpty()
                sound.forEach { file.load(it) }
                refused(code) { file.load(entry["tensor"].asString) }
                sound.forEach { file.load(it) }
            }
        }
    }

    private fun assertListed(info: TensorInfo, tensor: JsonObject) {
        assertEquals(tensor["name"]?.asString.orEmpty(), info.name)
        assertEquals(tensor["dtype"]?.asString ?: "f32", info.dtype.label)
        assertEquals(longs(tensor["shape"]), info.shape.toList())
        assertEquals(tensor["view"]?.let { longs(it) }, info.view?.toList())
        val rank = (tensor["view"] ?: tensor["shape"]).asJsonArray.size()
        val bases = tensor.getAsJsonArray("bases")?.map { it.asString }
        assertEquals(bases ?: List(rank) { "identity" }, info.bases.map { it.label })
        assertEquals(tensor["factors"]?.let { longs(it) }.orEmpty(), info.factors.map { it.toLong() })
        val seeds = tensor.getAsJsonArray("seeds")?.map { it.asString }
        assertEquals(seeds.orEmpty(), info.seeds.map { java.lang.Long.toUnsignedString(it) })
        assertEquals(tensor["kept"]?.let { longs(it) }.orEmpty(), info.keptByTier.map { it.toLong() })
        val corners = tensor.getAsJsonArray("corners")?.map { longs(it) }
        assertEquals(corners.orEmpty(), info.corners.map { it.toList() })
        assertEquals(tensor["perTier"]?.asBoolean ?: false, info.perTier)
        assertEquals(tensor["format"]?.asString, info.format?.label)
        assertEquals(tensor["step"]?.let { stepSize(it.asInt) }, info.step)
        assertEquals(tensor["offsets"]?.let { longs(it) }.orEmpty(), info.offsets.map { it.toLong() })
        assertEquals(tensor["coder"].asString, info.coder.label)
    }

    private fun assertWeights(file: FrzFile, info: TensorInfo, weights: JsonObject) {
        val tolerance = 1e-6 * (weights["scale"] ?: weights["max"]).asDouble + Math.scalb(1.0, -126)
        val elements = file.load(info.name).buffer
        for (pair in weights.getAsJsonArray("sample")) {
            val (index, weight) = (pair as JsonArray).let { it[0].asInt to it[1].asDouble }
            val actual = element(info.dtype, elements, index)
            val low = rounded(info.dtype, weight - tolerance)
            val high = rounded(info.dtype, weight + tolerance)
            assertTrue(actual in low..high, "${info.name}[$index] is $actual, not $weight")
        }
        val count = info.elements.toInt()
        val all = DoubleArray(count) { element(info.dtype, elements, it) }
        if (all.none { it.isInfinite() }) {
            val most = weights["max"].asDouble
            val each = tolerance + UNIT.getValue(info.dtype) * most + Math.scalb(1.0, -25)
            assertEquals(weights["sum"].asDouble, all.sum(), each * maxOf(1, count))
            assertEquals(most, all.maxOfOrNull { Math.abs(it) } ?: 0.0, each)
        }
        if (weights["max"].asDouble == 0.0) {
            while (elements.hasRemaining()) assertEquals(0.toByte(), elements.get())
        }
    }

    private fun element(dtype: DType, elements: ByteBuffer, index: Int): Double = when (dtype) {
        DType.F64 -> elements.getDouble(8 * index)
        DType.F32 -> elements.getFloat(4 * index).toDouble()
        DType.F16 -> Float16.F16.value(elements.getShort(2 * index).toInt()).toDouble()
        else -> Float16.BF16.value(elements.getShort(2 * index).toInt()).toDouble()
    }

    private fun rounded(dtype: DType, value: Double): Double = when (dtype) {
        DType.F64 -> value
        DType.F32 -> value.toFloat().toDouble()
        DType.F16 -> Float16.F16.run { value(round(value).toInt()) }.toDouble()
        else -> Float16.BF16.run { value(round(value).toInt()) }.toDouble()
    }

    private fun strings(map: JsonElement): Map<String, String> =
        map.asJsonObject.entrySet().associate { it.key to it.value.asString }

    private fun longs(list: JsonElement): List<Long> = list.asJsonArray.map { it.asLong }

    private fun sha256(bytes: ByteBuffer): String =
        MessageDigest.getInstance("SHA-256").apply { update(bytes) }.digest().joinToString("") { "%02x".format(it) }

    private companion object {
        /** For each floating-point dtype, the maximum relative error of a weight that is rounded to it. */
        val UNIT = mapOf(DType.F16 to 11, DType.BF16 to 8, DType.F32 to 24, DType.F64 to 53)
            .mapValues { (_, bits) -> Math.scalb(1.0, -bits) }
    }
}
