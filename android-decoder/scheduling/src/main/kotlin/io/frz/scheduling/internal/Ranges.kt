package io.frz.scheduling.internal

/**
 * Positive numbers must be from 1/LARGEST to LARGEST, and accuracies from −LARGEST to LARGEST, so that nothing
 * overflows.
 */
private const val LARGEST = 1e15
private const val MEMORY = 1L shl 50

internal fun checkScore(what: String, value: Double) {
    require(value >= -LARGEST && value <= LARGEST) { "$what must be from ${-LARGEST} to $LARGEST, not $value" }
}

internal fun checkPositive(what: String, value: Double) {
    require(value >= 1 / LARGEST && value <= LARGEST) { "$what must be from ${1 / LARGEST} to $LARGEST, not $value" }
}

internal fun checkMemory(value: Long) {
    require(value in 0..MEMORY) { "memory must be from 0 to $MEMORY bytes, not $value" }
}

/**
 * Compares strings by code points, which is also the order of their UTF-8 bytes. In UTF-16, surrogates precede some
 * characters with lower code points.
 */
internal fun byCodePoints(a: String, b: String): Int {
    val common = minOf(a.length, b.length)
    val at = (0 until common).firstOrNull { a[it] != b[it] } ?: return a.length - b.length
    return rank(a[at]) - rank(b[at])
}

private fun rank(unit: Char): Int = if (unit.isSurrogate()) unit.code + 0x10000 else unit.code
