package io.frz.internal

import io.frz.internal.dct.Zigzag
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ZigzagTest {
    private fun indices(shape: LongArray, count: Int): List<List<Long>> {
        val out = ArrayList<List<Long>>()
        Zigzag.forEach(shape, count) { position, index ->
            assertEquals(out.size, position)
            out.add(index.toList())
        }
        return out
    }

    /** The definition, without regard to cost. */
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
    fun `the order is by sum and then lexicographic for any shape`() {
        val random = Random(3)
        repeat(200) {
            val shape = LongArray(random.nextInt(6)) { 1L + random.nextInt(4) }
            val expected = sorted(shape)
            assertEquals(expected, indices(shape, expected.size), shape.joinToString())
            val count = random.nextInt(expected.size + 1)
            val prefix = expected.take(count)
            val box = shape.indices.map { axis -> prefix.maxOfOrNull { it[axis] + 1 } ?: 0 }
            assertEquals(box, Zigzag.box(shape, count).toList())
        }
    }

    @Test
    fun `the cost does not grow with the shape`() {
        val most = Int.MAX_VALUE.toLong()
        assertEquals(listOf<Long>(0, 0, 1), indices(longArrayOf(most, most, most), 2).last())
        assertEquals(listOf<Long>(0, 99_999), indices(longArrayOf(1, most), 100_000).last())
        assertEquals(listOf<Long>(1, 99_999), indices(longArrayOf(2, most), 200_001).last())
        assertEquals(emptyList<Long>(), indices(longArrayOf(), 1).single())
        assertEquals(listOf<Long>(0, 0), Zigzag.box(longArrayOf(0, 5), 0).toList())
    }
}
