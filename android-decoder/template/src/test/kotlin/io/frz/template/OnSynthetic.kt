package io.frz.template

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.Inflater
import kotlin.experimental.xor
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue

/** The base class of tests that fill a synthetic template, called [name]. */
abstract class OnSynthetic(protected val name: String = "synthetic") {
    protected val template: ByteArray = bytes("$name.frt")
    protected val weights: ByteArray = bytes("$name.frz")
    protected val mapSize = ByteBuffer.wrap(template).order(ByteOrder.LITTLE_ENDIAN).getInt(HEADER - Int.SIZE_BYTES)

    protected fun bytes(name: String): ByteArray = File("src/test/resources/$name").readBytes()

    protected fun fill(template: ByteArray, weights: ByteArray, options: FrzLoadOptions = FrzLoadOptions.DEFAULT) =
        FrzTemplate.loader(FrzPart.of(template), FrzPart.of(weights)).load(options)

    protected fun content(buffer: ByteBuffer) = ByteArray(buffer.remaining()).also { buffer.duplicate().get(it) }

    protected fun fault(template: ByteArray, weights: ByteArray = this.weights): FrzLoadException =
        assertThrows(FrzLoadException::class.java) { fill(template, weights) }

    protected fun sealed(bytes: ByteArray): ByteArray {
        val marked = bytes + "frz:crc32:".toByteArray()
        return marked + "%08x".format(CRC32().apply { update(marked) }.value).toByteArray()
    }

    /** Returns the inflated map and literal bytes of [template]. */
    protected fun inflated(template: ByteArray): ByteArray {
        val inflater = Inflater(true).apply { setInput(template, HEADER, template.size - HEADER - SEAL) }
        val out = ByteArray(1 shl 16)
        return out.copyOf(inflater.inflate(out)).also { inflater.end() }
    }

    /** Returns a template with a valid seal that contains [content], the first [size] bytes of which are its map. */
    protected fun template(content: ByteArray, size: Int): ByteArray {
        val deflater = Deflater(9, true).apply {
            setInput(content)
            finish()
        }
        val out = ByteArray(1 shl 16)
        val stream = out.copyOf(deflater.deflate(out)).also { deflater.end() }
        val header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN)
        header.put(template, 0, HEADER - Int.SIZE_BYTES).putInt(size)
        return sealed(header.array() + stream)
    }

    /** Alters every byte of the map, and checks that filling succeeds or fails with one of the documented errors. */
    protected fun checkAlteredMaps() {
        val content = inflated(template)
        assertArrayEquals(template(content, mapSize).let(::inflated), content)
        for (i in 0 until mapSize) {
            val altered = content.clone().also { it[i] = it[i] xor VALUES[i % VALUES.size] }
            try {
                fill(template(altered, mapSize), weights)
            } catch (e: FrzLoadException) {
                assertTrue(e.kind == Kind.SKELETON_DAMAGED || e.kind == Kind.MISMATCH, e.message)
            } catch (e: FrzException) {
                assertTrue(e.code == ErrorCode.BUDGET, e.message)
            }
        }
    }

    protected companion object {
        const val HEADER = 9
        const val SEAL = 18
        val VALUES = byteArrayOf(1, 0x7F, -1, 2, -128)
    }
}
