package io.frz.internal

import io.frz.internal.zigzag.Box
import io.frz.internal.zigzag.Zigzag
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ZigzagTest {
    /** Returns the first [count] indices in zigzag order, reconstructed from their offsets in an array of [shape]. */
    private fun indices(shape: LongArray, count: Int): List<List<Long>> {
        val strides = IntArray(shape.size)
        var volume = 1
        for (axis in shape.indices.reversed()) {
            strides[axis] = volume
            volume *= shape[axis].toInt()
        }
        val out = ArrayList<List<Long>>()
        Zigzag.walk(shape, count, strides) { position, length, offset, step ->
            assertEquals(out.size, position)
            for (i in 0 until length) {
                val place = offset + i * step
                out.add(shape.indices.map { axis -> place / strides[axis] % shape[axis] })
            }
        }
        return out
    }

    /** Returns all indices of [shape] in zigzag order, sorted as the specification defines it. */
    private fun sorted(shape: LongArray): List<List<Long>> {
        val start = listOf(emptyList<Long>())
        val all = shape.fold(start) { prefixes, n -> prefixes.flatMap { p -> (0 until n).map { p + it } } }
        return all.sortedBy { it.sum() }
    }

    @Test
    fun `the order is that of the specification's example`() {
        val expected = listOf("00", "01", "10", "02", "11", "20", "12", "21", "22")
        assertEquals(expected, indices(longArrayOf(3, 3), 9).map { it.joinToString("") })
    }

    @Test
    fun `for any shape, the order is by sum, then lexicographic`() {
        val random = Random(3)
        repeat(200) {
            val shape = LongArray(random.nextInt(6)) { 1L + random.nextInt(4) }
            val expected = sorted(shape)
            assertEquals(expected, indices(shape, expected.size), shape.joinToString())
            for (count in 0..expected.size) {
                val prefix = expected.take(count)
                assertEquals(prefix, indices(shape, count))
                val box = shape.indices.map { axis -> prefix.maxOfOrNull { it[axis] + 1 } ?: 0 }
                assertEquals(box, Box(shape).of(count).toList(), "$count of ${shape.joinToString()}")
            }
        }
    }

    @Test
    fun `the box of a prefix contains exactly its indices, even if there are many`() {
        val shapes = listOf(
            longArrayOf(10, 10, 10, 10, 10, 10, 10, 10),
            longArrayOf(2, 3, 500, 2, 700),
            longArrayOf(1000, 1, 3, 3),
            longArrayOf(3, 3, 512, 512),
            longArrayOf(7, 40_000)
        )
        for (shape in shapes) {
            for (count in listOf(999, 20_000, 40_001)) {
                val indices = indices(shape, minOf(count, shape.fold(1L, Long::times).toInt()))
                val box = shape.indices.map { axis -> indices.maxOf { it[axis] + 1 } }
                assertEquals(box, Box(shape).of(indices.size).toList(), "$count of ${shape.joinToString()}")
            }
        }
    }

    @Test
    fun `the box of a long prefix takes no longer than that of a short one`() {
        val most = Int.MAX_VALUE.toLong()
        fun box(count: Int, vararg shape: Long) = Box(shape).of(count).toList()
        assertEquals(listOf(most), box(Int.MAX_VALUE, most))
        assertEquals(listOf(1, most), box(Int.MAX_VALUE, 1, most))
        assertEquals(listOf<Long>(2, 1_000_000), box(1_999_999, 2, most))
        assertEquals(listOf<Long>(2, 1_000_001), box(2_000_000, 2, most))
        assertEquals(listOf<Long>(65_535, 65_535), box(65_535 * 32_768, most, most))
        assertEquals(listOf<Long>(65_535, 65_536), box(65_535 * 32_768 + 1, most, most))
        assertEquals(listOf<Long>(0, 0), box(0, 0, 5))
        assertEquals(emptyList<Long>(), Box(longArrayOf()).of(1).toList())
        assertEquals(listOf<Long>(1, 1), Box(longArrayOf(1, 1)).of(1).toList())
    }
}
