package io.frz

import io.frz.FrzBuilder.Companion.floats
import io.frz.internal.bases.Bases
import io.frz.internal.bases.BasisArguments
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.CORNERS
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.FACTORS
import io.frz.internal.container.GroupField.FORMAT
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.SEEDS
import io.frz.internal.container.GroupField.SHAPES
import java.util.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks tensors with bases of every kind against the formula of the specification, evaluated axis by axis. */
class BasesTest {
    private val random = Random(19)

    private fun numbers(count: Int) = FloatArray(count) { random.nextGaussian().toFloat() }

    /** An axis with [n] elements, [r] core entries and a basis of [kind]. */
    private inner class Axis(val kind: BasisKind, val n: Int, val r: Int) {
        val factor = if (kind == BasisKind.STORED) numbers(n * r) else FloatArray(0)
        val seed = random.nextLong()

        /** The [r] basis functions, each as an array of its [n] values. */
        val functions: Array<DoubleArray> by lazy {
            val arguments = object : BasisArguments {
                override fun factor() = factor

                override fun seed() = seed
            }
            val basis = Bases.of(kind).basis(n, arguments)
            Array(r) { i ->
                DoubleArray(n).also { if (basis == null) it[i] = 1.0 else basis.function(i, 0, n, it) }
            }
        }
    }

    private fun axes(vararg axes: Triple<BasisKind, Int, Int>) = axes.map { (kind, n, r) -> Axis(kind, n, r) }

    private fun file(axes: List<Axis>, core: FloatArray, dtype: DType): ByteArray {
        val builder = FrzBuilder()
        val stored = axes.filter { it.kind == BasisKind.STORED }
        for (axis in stored) {
            val group = mapOf(DTYPE to DType.F32.id, SHAPES to listOf(listOf(axis.r, axis.n)), CODER to Coder.NONE.id)
            builder.group(group, floats(*axis.factor))
        }
        val fields = FrzBuilder.tensor("w", dtype, axes.map { it.n }).toMutableMap<Any, Any?>()
        fields[BASES] = axes.map { it.kind.id }
        fields[CORNERS] = listOf(listOf(axes.map { it.r }))
        fields[FORMAT] = DType.F32.id
        if (stored.isNotEmpty()) fields[FACTORS] = listOf(stored.indices.toList())
        val seeds = axes.filter { it.kind == BasisKind.SEEDED }.map { unsigned(it.seed) }
        if (seeds.isNotEmpty()) fields[SEEDS] = listOf(seeds)
        return builder.group(fields, floats(*core)).build()
    }

    private fun unsigned(seed: Long) = java.math.BigInteger(java.lang.Long.toUnsignedString(seed))

    /** Returns the weights and, for each weight, the sum of the magnitudes of its terms. */
    private fun expected(axes: List<Axis>, core: FloatArray): Pair<DoubleArray, DoubleArray> {
        var weights = DoubleArray(core.size) { core[it].toDouble() }
        var sizes = DoubleArray(core.size) { Math.abs(weights[it]) }
        for (j in axes.indices) {
            val outer = axes.take(j).fold(1) { product, axis -> product * axis.n }
            val inner = axes.drop(j + 1).fold(1) { product, axis -> product * axis.r }
            weights = multiplied(weights, outer, axes[j], inner) { it }
            sizes = multiplied(sizes, outer, axes[j], inner, Math::abs)
        }
        return weights to sizes
    }

    private fun multiplied(
        values: DoubleArray,
        outer: Int,
        axis: Axis,
        inner: Int,
        of: (Double) -> Double
    ): DoubleArray {
        val out = DoubleArray(outer * axis.n * inner)
        for (at in 0 until outer * axis.r * axis.n) {
            val (a, i, x) = index(listOf(outer, axis.r, axis.n), at).toList()
            val factor = of(axis.functions[i][x])
            if (factor == 0.0) continue
            for (b in 0 until inner) {
                out[(a * axis.n + x) * inner + b] += factor * values[(a * axis.r + i) * inner + b]
            }
        }
        return out
    }

    private fun core(axes: List<Axis>) = numbers(axes.fold(1) { product, axis -> product * axis.r })

    @Test
    fun `a scalar has no coefficients`() {
        val spectrum = mapOf(BASES to FrzBuilder.DCT, KEPT to listOf(listOf(1)))
        val fields = FrzBuilder.tensor("w", DType.F16, emptyList()) + spectrum
        val file = FrzFile.open(FrzBuilder().group(fields, FrzBuilder.shorts(0x3C00)).build())
        assertNull(file.tensor("w").form)
        assertEquals(0, file.tensor("w").coefficients)
        refused(ErrorCode.NOT_FOUND) { file.coefficients("w") }
        assertEquals(DType.F16, file.core("w").dtype)
        assertEquals(0x3C00, file.load("w").buffer.getShort(0).toInt())
    }

    @Test
    fun `coefficients are the core and its factors`() {
        val stored = BasisKind.STORED
        val identity = BasisKind.IDENTITY
        val axes = axes(Triple(stored, 6, 2), Triple(identity, 3, 3), Triple(stored, 5, 4))
        val core = core(axes)
        val file = FrzFile.open(file(axes, core, DType.F32))
        val info = file.tensor("w")
        assertEquals(listOf(6L, 3L, 5L, -2L, 0L, -4L), info.form!!.asList())
        assertEquals(24L + 12 + 20, info.coefficients)
        val found = file.coefficients("w")
        assertEquals(listOf(56L), found.shape.asList())
        assertEquals((core + axes[0].factor + axes[2].factor).toList(), found.floats().toList())
        for (other in listOf(axes(Triple(stored, 6, 2), Triple(identity, 3, 2)), axes(Triple(BasisKind.DCT, 3, 2)))) {
            val plain = FrzFile.open(file(other, core(other), DType.F32))
            assertEquals(null, plain.tensor("w").form)
            val thrown = assertThrows(FrzException::class.java) { plain.coefficients("w") }
            assertEquals(ErrorCode.NOT_FOUND, thrown.code)
        }
    }

    @Test
    fun `bases of all kinds can be combined`() {
        val identity = BasisKind.IDENTITY
        val dct = BasisKind.DCT
        val stored = BasisKind.STORED
        val seeded = BasisKind.SEEDED
        val cases = listOf(
            axes(Triple(identity, 600, 600), Triple(stored, 24, 5), Triple(dct, 30, 7)),
            axes(Triple(identity, 600, 450), Triple(dct, 3, 3), Triple(dct, 3, 2), Triple(identity, 40, 40)),
            axes(Triple(dct, 20, 4), Triple(identity, 30, 12), Triple(identity, 9, 9)),
            axes(Triple(identity, 5, 5), Triple(identity, 70, 60), Triple(stored, 100, 9), Triple(identity, 5, 3)),
            axes(Triple(identity, 3, 2), Triple(dct, 70_001, 10)),
            axes(Triple(stored, 300, 200), Triple(identity, 40, 40)),
            axes(Triple(identity, 40, 40), Triple(stored, 300, 200)),
            axes(Triple(stored, 64, 9), Triple(stored, 48, 7), Triple(identity, 3, 3), Triple(identity, 3, 3)),
            axes(Triple(seeded, 100, 3), Triple(identity, 10, 10), Triple(seeded, 70, 2)),
            axes(Triple(stored, 2, 2), Triple(dct, 1, 1), Triple(seeded, 1, 1), Triple(identity, 7, 7))
        )
        for (axes in cases) {
            val core = core(axes)
            val (weights, sizes) = expected(axes, core)
            val what = axes.map { "${it.kind} ${it.n} ${it.r}" }.toString()
            val most = sizes.maxOf { it }
            val f64 = FrzFile.open(file(axes, core, DType.F64)).load("w").buffer.asDoubleBuffer()
            val f32 = FrzFile.open(file(axes, core, DType.F32)).load("w").floats()
            for (i in weights.indices) {
                assertEquals(weights[i], f64[i], 1e-12 * most, "$what at $i")
                assertEquals(weights[i], f32[i].toDouble(), 5e-7 * most, "$what at $i")
                if (sizes[i] == 0.0) assertEquals(0, f32[i].toRawBits(), "$what at $i")
            }
        }
    }

    @Test
    fun `single products are reproduced bit for bit`() {
        val identity = BasisKind.IDENTITY
        val stored = BasisKind.STORED
        val seeded = BasisKind.SEEDED
        val cases = listOf(
            axes(Triple(seeded, 500_000, 1)),
            axes(Triple(seeded, 50, 1), Triple(identity, 7, 5), Triple(stored, 1500, 1)),
            axes(Triple(identity, 7, 5), Triple(stored, 20, 1), Triple(BasisKind.DCT, 1, 1), Triple(identity, 2000, 9)),
            axes(Triple(identity, 30, 30), Triple(identity, 4, 4))
        )
        for (axes in cases) {
            val core = core(axes)
            val (places, _) = expected(axes.map { if (it.kind == identity) it else Axis(identity, 1, 1) }, core)
            val shape = axes.map { it.n }
            val weights = FrzFile.open(file(axes, core, DType.F64)).load("w").buffer.asDoubleBuffer()
            for (at in 0 until weights.capacity()) {
                val x = index(shape, at)
                val kept = axes.indices.filter { axes[it].kind == identity }
                var product = places[kept.fold(0) { place, j -> place * axes[j].n + x[j] }]
                if (product != 0.0) for (j in axes.indices - kept.toSet()) product *= axes[j].functions[0][x[j]]
                assertEquals(product.toRawBits(), weights[at].toRawBits(), "$shape at $at")
            }
        }
    }

    private fun index(shape: List<Int>, at: Int): IntArray {
        val index = IntArray(shape.size)
        var rest = at
        for (j in shape.indices.reversed()) {
            index[j] = rest % shape[j]
            rest /= shape[j]
        }
        return index
    }

    @Test
    fun `sharing pieces among threads does not change any bit`() {
        val cases = listOf(
            axes(Triple(BasisKind.IDENTITY, 900, 900), Triple(BasisKind.STORED, 24, 5), Triple(BasisKind.DCT, 31, 7)),
            axes(Triple(BasisKind.IDENTITY, 9, 9), Triple(BasisKind.DCT, 300, 5), Triple(BasisKind.IDENTITY, 200, 90)),
            axes(Triple(BasisKind.SEEDED, 1_000_000, 1))
        )
        for (axes in cases) {
            val bytes = file(axes, core(axes), DType.F32)
            val alone = FrzFile.open(bytes).load("w").floats()
            for (threads in listOf(2, 5)) {
                val options = FrzOptions.builder().threads(threads).build()
                assertArrayEquals(alone, FrzFile.open(bytes, options).load("w").floats())
            }
        }
    }

    @Test
    fun `pieces keep working memory small`() {
        val axes = axes(Triple(BasisKind.IDENTITY, 40_000, 40_000), Triple(BasisKind.DCT, 9, 9))
        val bytes = file(axes, core(axes), DType.F32)
        val size = 4L * 9 * 40_000
        val options = FrzOptions.builder().memoryBudget(2 * size + (2L shl 20)).build()
        assertTrue(FrzFile.open(bytes, options).load("w").buffer.capacity() == size.toInt())
        refused(ErrorCode.BUDGET) {
            FrzFile.open(bytes, options.newBuilder().memoryBudget(2 * size).build()).load("w")
        }
    }
}
