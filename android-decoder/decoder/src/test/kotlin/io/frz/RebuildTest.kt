package io.frz

import io.frz.internal.Float16
import io.frz.internal.container.GroupField
import io.frz.internal.zigzag.Zigzag
import java.nio.ByteBuffer
import java.util.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Compares weights with a literal evaluation of the formula in the specification. */
class RebuildTest {
    private val random = Random(11)

    private fun coefficients(count: Int) = FloatArray(count) { (random.nextGaussian() / (1 + it)).toFloat() }

    private fun basis(n: Int, x: Int, i: Int): Double =
        if (i == 0) Math.sqrt(1.0 / n) else Math.sqrt(2.0 / n) * Math.cos(Math.PI * (2.0 * x + 1) * i / (2.0 * n))

    private fun indices(shape: List<Int>): List<List<Int>> =
        shape.fold(listOf(emptyList())) { prefixes, n -> prefixes.flatMap { p -> (0 until n).map { p + it } } }

    private fun naive(shape: List<Int>, coefficients: FloatArray): DoubleArray {
        val kept = indices(shape).sortedBy { it.sum() }.take(coefficients.size)
        return indices(shape).map { x ->
            kept.indices.sumOf { c ->
                shape.indices.fold(coefficients[c].toDouble()) { product, axis ->
                    product * basis(shape[axis], x[axis], kept[c][axis])
                }
            }
        }.toDoubleArray()
    }

    private fun assertClose(expected: DoubleArray, actual: (Int) -> Double, tolerance: Double, what: String) {
        val most = expected.maxOfOrNull { Math.abs(it) } ?: 0.0
        expected.forEachIndexed { i, w ->
            assertTrue(Math.abs(actual(i) - w) <= tolerance * most, "$what at $i: ${actual(i)} is not $w")
        }
    }

    private fun rebuilt(shape: List<Int>, coefficients: FloatArray, dtype: DType): FrzTensor {
        val type = GroupField.DTYPE to dtype.id
        val format = GroupField.FORMAT to DType.F32.id
        return FrzFile.open(FrzBuilder().spectrum("w", shape, coefficients, type, format).build()).load("w")
    }

    private fun check(shape: List<Int>, coefficients: FloatArray) {
        val expected = naive(shape, coefficients)
        val what = "$shape, ${coefficients.size} kept"
        val f32 = FrzFile.open(FrzBuilder().spectrum("w", shape, coefficients).build()).load("w")
        assertClose(expected, { f32.buffer.asFloatBuffer().get(it).toDouble() }, 5e-7, what)
        val f64 = rebuilt(shape, coefficients, DType.F64)
        assertClose(expected, { f64.buffer.asDoubleBuffer().get(it) }, 1e-13, what)
        for ((dtype, format) in listOf(DType.F16 to Float16.F16, DType.BF16 to Float16.BF16)) {
            val half = rebuilt(shape, coefficients, dtype)
            val exact = f64.buffer.asDoubleBuffer()
            val bits = half.buffer.asShortBuffer()
            for (i in expected.indices) assertEquals(format.round(exact.get(i)), bits.get(i), what)
        }
    }

    @Test
    fun `small tensors of any shape match the formula`() {
        repeat(150) {
            val shape = List(random.nextInt(6)) { 1 + random.nextInt(if (it < 2) 9 else 4) }
            val elements = shape.fold(1, Int::times)
            check(shape, coefficients(if (it % 3 == 0) elements else random.nextInt(elements + 1)))
        }
    }

    @Test
    fun `tensors match the formula regardless of which axis comes last`() {
        val shapes = listOf(
            listOf(300),
            listOf(200, 3),
            listOf(3, 200),
            listOf(2, 300, 2),
            listOf(96, 40),
            listOf(40, 96),
            listOf(2, 70, 40),
            listOf(100, 2, 1, 3),
            listOf(64, 8, 3, 3)
        )
        for (shape in shapes) for (kept in listOf(1, 2, 5, 9, 33)) check(shape, coefficients(kept))
    }

    @Test
    fun `a single coefficient becomes a wave`() {
        // One coefficient at (5, 0): a cosine along the first axis, constant along the second.
        val one = FloatArray(21).also { it[20] = 4f }
        val file = FrzFile.open(FrzBuilder().spectrum("w", listOf(1000, 60), one).build())
        assertEquals(listOf(6L, 6L), file.tensor("w").box.toList())
        val weights = file.load("w").floats()
        for (x in 0 until 1000) {
            assertEquals(4 * basis(1000, x, 5) * basis(60, 0, 0), weights[60 * x + 59].toDouble(), 1e-8)
        }
    }

    /** Returns the weights, computed axis by axis. */
    private fun byAxes(shape: List<Int>, coefficients: FloatArray): DoubleArray {
        val strides = shape.indices.map { axis -> shape.drop(axis + 1).fold(1, Int::times) }
        var values = DoubleArray(shape.fold(1, Int::times))
        Zigzag.walk(
            LongArray(shape.size) {
                shape[it].toLong()
            },
            coefficients.size,
            strides.toIntArray()
        ) { at, n, to, step ->
            for (i in 0 until n) values[to + i * step] = coefficients[at + i].toDouble()
        }
        for (axis in shape.indices) {
            val n = shape[axis]
            val functions = Array(n) { x -> DoubleArray(n) { basis(n, x, it) } }
            val next = DoubleArray(values.size)
            for (i in values.indices) {
                if (i / strides[axis] % n > 0) continue
                for (x in 0 until n) {
                    var sum = 0.0
                    for (k in 0 until n) sum += functions[x][k] * values[i + k * strides[axis]]
                    next[i + x * strides[axis]] = sum
                }
            }
            values = next
        }
        return values
    }

    @Test
    fun `all ways to multiply an axis agree`() {
        val cases = mapOf(
            "few long lines in blocks" to listOf(listOf(3001) to 20, listOf(3001) to 2, listOf(1201, 2) to 30),
            "one line, at its own points" to listOf(listOf(1024) to 1024, listOf(2048) to 700, listOf(960, 2) to 1900),
            "one line, many points of a grid" to listOf(
                listOf(3001) to 80,
                listOf(3001) to 500,
                listOf(2, 1201) to 300
            ),
            "one line, few points of a grid" to
                listOf(listOf(1499) to 1499, listOf(1499) to 900, listOf(1201, 2) to 2400),
            "many lines, at their own points" to
                listOf(listOf(160, 40) to 6400, listOf(40, 160) to 5000, listOf(9, 6, 96, 2) to 9000),
            "many lines, from a grid" to
                listOf(listOf(131, 40) to 5240, listOf(40, 131) to 5240, listOf(50, 131, 3) to 19000),
            "many short lines" to listOf(listOf(70, 3, 3) to 630, listOf(70, 9) to 200, listOf(30, 7, 61) to 12000)
        )
        for ((what, inputs) in cases) {
            for ((shape, kept) in inputs) {
                val coefficients = FloatArray(kept) { random.nextGaussian().toFloat() }
                val weights = rebuilt(shape, coefficients, DType.F64).buffer.asDoubleBuffer()
                assertClose(byAxes(shape, coefficients), weights::get, 1e-11, "$what: $shape, $kept kept")
            }
        }
    }

    @Test
    fun `no way to multiply an axis depends on the previous contents of memory or on threads`() {
        for ((shape, kept) in listOf(listOf(3001) to 500, listOf(2, 4096) to 8000, listOf(131, 40) to 5240)) {
            val coefficients = FloatArray(kept) { random.nextGaussian().toFloat() }
            val bytes = FrzBuilder().spectrum("w", shape, coefficients).build()
            val expected = FrzFile.open(bytes).load("w").floats()
            for (threads in listOf(1, 2, 5)) {
                val file = FrzFile.open(bytes, FrzOptions.builder().threads(threads).build())
                repeat(2) { assertArrayEquals(expected, file.load("w").floats()) }
            }
        }
    }

    @Test
    fun `a view is the shape of the spectrum`() {
        val kept = coefficients(9)
        val view = GroupField.VIEWS to listOf(listOf(2, 3, 4))
        val viewed = FrzFile.open(FrzBuilder().spectrum("w", listOf(24), kept, view).build())
        val shaped = FrzFile.open(FrzBuilder().spectrum("w", listOf(2, 3, 4), kept).build())
        assertEquals(listOf(24L), viewed.load("w").shape.toList())
        assertArrayEquals(shaped.load("w").floats(), viewed.load("w").floats())
    }

    @Test
    fun `a tensor without core entries is all zero, whatever its memory contained`() {
        val file = FrzFile.open(FrzBuilder().spectrum("w", listOf(50, 50), floatArrayOf()).build())
        val target = ByteBuffer.allocate(10_000)
        while (target.hasRemaining()) target.put(1)
        target.clear()
        file.loadInto("w", target)
        assertTrue(target.array().all { it.toInt() == 0 })
        assertEquals(listOf(0L, 0L), file.tensor("w").box.toList())
    }

    @Test
    fun `tensors without elements or axes are rebuilt`() {
        val builder =
            FrzBuilder().spectrum("none", listOf(0, 7), floatArrayOf()).spectrum("one", listOf(), floatArrayOf(3f))
        val file = FrzFile.open(builder.build())
        assertEquals(0, file.load("none").buffer.remaining())
        assertArrayEquals(floatArrayOf(3f), file.load("one").floats())
    }

    @Test
    fun `the number of threads does not change any bit`() {
        val shapes =
            listOf(listOf(900, 300), listOf(300, 900, 1), listOf(2, 1000, 5, 7), listOf(500_000), listOf(90_000, 5))
        for (shape in shapes) {
            val bytes = FrzBuilder().spectrum("w", shape, coefficients(20)).build()
            val alone = FrzFile.open(bytes).load("w").floats()
            for (threads in listOf(2, 3, 8)) {
                val together = FrzFile.open(bytes, FrzOptions.builder().threads(threads).build()).load("w").floats()
                assertArrayEquals(alone, together, "$shape with $threads threads")
            }
        }
    }

    @Test
    fun `extreme magnitudes keep their precision`() {
        for (scale in listOf(1e-38f, 1e-44f, 3e38f)) {
            val kept = floatArrayOf(scale, scale / 3, -scale / 2)
            val expected = naive(listOf(128, 5), kept)
            val weights = FrzFile.open(FrzBuilder().spectrum("w", listOf(128, 5), kept).build()).load("w").floats()
            expected.forEachIndexed { i, w -> assertEquals(w.toFloat(), weights[i], Math.ulp(w.toFloat()), "$scale") }
        }
    }
}
