package io.frz.internal

private const val SHOWN = 120

/**
 * Returns untrusted [text] as one printable line: quoted, truncated if long, with control and format characters
 * escaped.
 */
internal fun quote(text: String): String {
    val out = StringBuilder("\"")
    for (char in text.take(SHOWN)) {
        when {
            char == '"' || char == '\\' -> out.append('\\').append(char)
            isPlain(char) -> out.append(char)
            else -> out.append("\\u").append(char.code.toString(16).padStart(4, '0'))
        }
    }
    if (text.length > SHOWN) out.append('…')
    return out.append('"').toString()
}

private fun isPlain(char: Char): Boolean = when (Character.getType(char).toByte()) {
    Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> false
    else -> true
}
