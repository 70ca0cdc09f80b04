package io.frz.internal.container

/**
 * Returns whether [bytes] from [from] to [to] − 1 are valid UTF-8, without overlong forms, surrogates or code points
 * above U+10FFFF.
 */
internal fun isUtf8(bytes: ByteArray, from: Int = 0, to: Int = bytes.size): Boolean {
    var at = from
    while (at < to) {
        if (bytes[at] < 0) {
            val more = followers(bytes[at].toInt())
            if (more < 0 || more > to - at - 1 || !follow(bytes, at, more)) return false
            at += more
        }
        at++
    }
    return true
}

/** Returns whether the [more] bytes after the lead byte at [lead] are valid continuation bytes. */
private fun follow(bytes: ByteArray, lead: Int, more: Int): Boolean {
    val second = bytes[lead + 1].toInt() and 0xFF
    if (second < leastSecond(bytes[lead].toInt()) || second > mostSecond(bytes[lead].toInt())) return false
    return (2..more).all { bytes[lead + it].toInt() and 0xC0 == 0x80 }
}

/** Returns the number of bytes that follow a non-ASCII [lead] byte; negative if it is invalid. */
private fun followers(lead: Int): Int = when (lead and 0xFF) {
    in 0xC2..0xDF -> 1
    in 0xE0..0xEF -> 2
    in 0xF0..0xF4 -> 3
    else -> -1
}

private fun leastSecond(lead: Int): Int = when (lead and 0xFF) {
    0xE0 -> 0xA0
    0xF0 -> 0x90
    else -> 0x80
}

private fun mostSecond(lead: Int): Int = when (lead and 0xFF) {
    0xED -> 0x9F
    0xF4 -> 0x8F
    else -> 0xBF
}
