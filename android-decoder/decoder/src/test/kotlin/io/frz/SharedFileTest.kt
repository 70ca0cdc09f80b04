package io.frz

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Random
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that several threads can use one open file, and that tensors can be rebuilt in any kind of buffer. */
class SharedFileTest {
    private val folder = File("../../spec/vectors")
    private val vectors = JsonParser.parseString(File(folder, "vectors.json").readText()).asJsonObject
    private val budget = vectors["budget"].asLong

    private fun open(entry: JsonObject): FrzFile {
        val options = FrzOptions.builder().memoryBudget(budget).threads(2)
        entry["tier"]?.let { options.tier(it.asInt) }
        val base = entry["base"]?.let { File(folder, it.asString) }
        val file = File(folder, entry["file"].asString)
        val isDelta = FrzFile.open(file, options.build()).use { it.isDelta }
        return FrzFile.open(file, options.build(), base?.takeIf { isDelta }?.let { FrzFile.open(it) })
    }

    private fun names(file: FrzFile) = file.tensors.map { it.name } + file.aliases.keys

    /** Returns the bytes of a tensor, or null if a vector tests that it cannot be rebuilt within the budget. */
    private fun loaded(file: FrzFile, name: String): List<Byte>? = try {
        content(file.load(name).buffer)
    } catch (e: FrzException) {
        assertEquals(ErrorCode.BUDGET, e.code, e.message)
        null
    }

    private fun content(buffer: ByteBuffer) = ByteArray(buffer.remaining()).also { buffer.duplicate().get(it) }.asList()

    /** Rebuilds [name] in the middle of a buffer filled with a pattern, and returns the bytes written. */
    private fun placed(file: FrzFile, name: String, random: Random): List<Byte> {
        val size = file.tensor(name).bytes.toInt()
        val room = ByteArray(size + 2 * MARGIN) { PATTERN }
        val direct = random.nextBoolean()
        val target = if (direct) ByteBuffer.allocateDirect(room.size).put(room) else ByteBuffer.wrap(room)
        target.order(if (random.nextBoolean()) ByteOrder.BIG_ENDIAN else ByteOrder.LITTLE_ENDIAN)
        target.clear()
        target.position(3).limit(3 + MARGIN / 2 + size)
        val part = if (random.nextBoolean()) target.slice() else target
        val start = part.position()
        val order = part.order()
        file.loadInto(name, part)
        assertEquals(start + size, part.position())
        assertEquals(order, part.order())
        target.clear()
        val all = content(target)
        assertTrue(all.subList(0, 3).all { it == PATTERN }, name)
        assertTrue(all.subList(3 + size, all.size).all { it == PATTERN }, name)
        return all.subList(3, 3 + size)
    }

    @Test
    fun `threads that share a file read the same tensors`() {
        val pool = Executors.newFixedThreadPool(THREADS)
        try {
            for (entry in vectors.getAsJsonArray("valid").map { it.asJsonObject }) {
                // Some of these take seconds to load; ConformanceTest loads them once.
                if (entry["name"].asString.startsWith("limit-")) continue
                val expected = open(entry).use { file -> names(file).associateWith { loaded(file, it) } }
                if (expected.isEmpty() || null in expected.values) continue
                open(entry).use { file ->
                    val tasks = List(THREADS) { Callable { check(file, expected, Random(it.toLong()), entry) } }
                    pool.invokeAll(tasks).forEach { it.get() }
                }
            }
        } finally {
            pool.shutdownNow()
        }
    }

    private fun check(file: FrzFile, expected: Map<String, List<Byte>?>, random: Random, entry: JsonObject) {
        val vector = entry["name"].asString
        for (name in expected.keys.shuffled(random)) {
            assertEquals(expected[name], placed(file, name, random), "$vector: $name")
            assertEquals(expected[name], content(file.load(name).buffer), "$vector: $name")
        }
        val seen = HashMap<String, List<Byte>>()
        if (random.nextBoolean()) file.verify()
        file.forEach { seen[it.name] = content(it.buffer) }
        for ((name, bytes) in seen) assertEquals(expected[name], bytes, "$vector: $name")
    }

    private companion object {
        const val THREADS = 4
        const val MARGIN = 16
        const val PATTERN: Byte = 0x5A
    }
}
