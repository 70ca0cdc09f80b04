package io.frz.internal.bases

import io.frz.BasisKind
import io.frz.internal.Limits

/** `seeded`: pseudo-random numbers. All functions of a basis are consecutive parts of one sequence. */
internal object Seeded : BasisFamily {
    override val kind = BasisKind.SEEDED
    override val most = Limits.COLUMNS

    override fun basis(length: Int, arguments: BasisArguments): Basis = Numbers(length, arguments.seed())
}

/** The sequence of [seed], divided into functions of [length] points each. */
private class Numbers(override val length: Int, seed: Long) : Basis {
    private val philox = Philox(seed)

    override fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int) {
        for (k in 0 until count) philox.words(k.toLong() * length + point, 1) { _, word -> out[to + k] = number(word) }
    }

    override fun function(k: Int, first: Int, count: Int, out: DoubleArray) =
        philox.words(k.toLong() * length + first, count) { i, word -> out[i] = number(word) }

    override fun bound(k: Int): Double = 1.0

    private fun number(word: Int): Double = (2 * (word ushr 9) + 1 - SCALE) * (1.0 / SCALE)

    private companion object {
        const val SCALE = 1 shl 23
    }
}

/** The Philox4x32-10 generator, which supports random access; see section 7.4 of the specification. */
internal class Philox(seed: Long) {
    private val key0 = seed.toInt()
    private val key1 = (seed ushr Int.SIZE_BITS).toInt()

    /** Visits [count] numbers of the sequence, starting with number [start]. */
    inline fun words(start: Long, count: Int, visit: (at: Int, word: Int) -> Unit) {
        val block = IntArray(BLOCK)
        var at = 0
        while (at < count) {
            val m = start + at
            block(m / BLOCK, block)
            for (j in (m % BLOCK).toInt() until BLOCK) if (at < count) visit(at++, block[j])
        }
    }

    /** Writes the four numbers of counter [c] to [out]. */
    fun block(c: Long, out: IntArray) {
        var c0 = c.toInt()
        var c1 = (c ushr Int.SIZE_BITS).toInt()
        var c2 = 0
        var c3 = 0
        var k0 = key0
        var k1 = key1
        repeat(ROUNDS) {
            val p = FACTOR_0 * (c0.toLong() and WORD)
            val q = FACTOR_1 * (c2.toLong() and WORD)
            c0 = (q ushr Int.SIZE_BITS).toInt() xor c1 xor k0
            c1 = q.toInt()
            c2 = (p ushr Int.SIZE_BITS).toInt() xor c3 xor k1
            c3 = p.toInt()
            k0 += STEP_0
            k1 += STEP_1
        }
        out[0] = c0
        out[1] = c1
        out[2] = c2
        out[3] = c3
    }

    companion object {
        const val BLOCK = 4
        private const val ROUNDS = 10
        private const val WORD = 0xFFFFFFFFL
        private const val FACTOR_0 = 0xD2511F53L
        private const val FACTOR_1 = 0xCD9E8D57L
        private const val STEP_0 = 0x9E3779B9.toInt()
        private const val STEP_1 = 0xBB67AE85.toInt()
    }
}
