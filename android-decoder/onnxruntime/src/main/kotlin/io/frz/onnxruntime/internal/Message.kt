package io.frz.onnxruntime.internal

import java.nio.ByteBuffer

/** A message in the wire format of Protocol Buffers. Malformed input causes a [RuntimeException]. */
internal class Message(private val bytes: ByteBuffer) {
    /** Whether the message has no bytes, which is always true for a numeric field. */
    val isEmpty: Boolean get() = !bytes.hasRemaining()

    /** Calls [use] with the number of each field and its value: an integer or a message. Skips fixed-size fields. */
    fun each(use: (field: Int, number: Long, part: Message) -> Unit) {
        while (bytes.hasRemaining()) {
            val key = varint()
            val field = (key ushr KIND_BITS).toInt()
            when ((key and KIND_MASK).toInt()) {
                VARINT -> use(field, varint(), NONE)
                FIXED_64 -> bytes.position(bytes.position() + Long.SIZE_BYTES)
                BYTES -> use(field, 0, Message(take(varint())))
                FIXED_32 -> bytes.position(bytes.position() + Int.SIZE_BYTES)
                else -> throw IllegalArgumentException("a field of an unknown wire type")
            }
        }
    }

    /** Calls [use] with the value of each field whose number is [field]. */
    fun fields(field: Int, use: (Message) -> Unit): Unit = each { number, _, part -> if (number == field) use(part) }

    /** Reads the message as packed numbers and adds them to [to]. */
    fun numbers(to: MutableList<Long>) {
        while (bytes.hasRemaining()) to.add(varint())
    }

    /** Returns the message decoded as UTF-8 text. */
    fun text(): String = Charsets.UTF_8.decode(bytes.duplicate()).toString()

    private fun take(size: Long): ByteBuffer {
        require(size in 0..bytes.remaining()) { "a field extends past the end of its message" }
        val part = bytes.slice()
        part.limit(size.toInt())
        bytes.position(bytes.position() + size.toInt())
        return part
    }

    private fun varint(): Long {
        var value = 0L
        var shift = 0
        while (true) {
            val byte = bytes.get().toInt()
            value = value or ((byte and LOW_BITS).toLong() shl shift)
            if (byte >= 0) return value
            shift += BITS
            require(shift < Long.SIZE_BITS) { "a number of more than 64 bits" }
        }
    }

    companion object {
        /** A message without fields. */
        val NONE = Message(ByteBuffer.allocate(0))

        private const val KIND_BITS = 3
        private const val KIND_MASK = 7L
        private const val VARINT = 0
        private const val FIXED_64 = 1
        private const val BYTES = 2
        private const val FIXED_32 = 5
        private const val BITS = 7
        private const val LOW_BITS = 127
    }
}
