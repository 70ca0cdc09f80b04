package io.frz.template

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Writes the fields of a template's map. */
internal class Fields {
    val bytes = ByteArrayOutputStream()

    fun number(value: Long) = apply {
        var left = value
        while (left >= 128) {
            bytes.write((left and 127 or 128).toInt())
            left = left shr 7
        }
        bytes.write(left.toInt())
    }

    fun numbers(vararg values: Long) = apply { values.forEach(::number) }

    fun real(value: Double) = apply {
        bytes.write(ByteBuffer.allocate(Double.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN).putDouble(value).array())
    }

    fun text(text: String) = apply {
        number(text.length.toLong())
        bytes.write(text.toByteArray())
    }

    fun texts(texts: Collection<String>) = apply {
        number(texts.size.toLong())
        texts.forEach(::text)
    }
}
