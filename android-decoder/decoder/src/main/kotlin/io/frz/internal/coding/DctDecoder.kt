package io.frz.internal.coding

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.coder.Coders
import io.frz.internal.coder.ValueStream
import io.frz.internal.container.Group
import io.frz.internal.dct.Rebuild
import io.frz.internal.saturatedSum
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Coding `dct`: the kept coefficients of every tier, then the inverse transform. */
internal class DctDecoder(private val session: Session) : GroupDecoder {
    private val tier = session.container.tier

    @Volatile
    private var latest: Decoded? = null

    override fun workingBytes(group: Group): Long = 4L * group.keptOfAll(tier)

    override fun decode(group: Group, sink: TensorSink) {
        val coefficients = coefficients(group, sink.request)
        val held = saturatedSum(sink.reserved, workingBytes(group))
        for (i in group.names.indices) {
            val target = sink.want(i)?.memory ?: continue
            val rebuild = Rebuild(group.spectrumShape(i), coefficients[i], group.dtype, group.names[i], session.workers)
            session.budget.require(saturatedSum(held, rebuild.workingBytes), group.names[i])
            rebuild.into(target, sink.request)
            sink.deliver(i)
        }
    }

    /** The canonical coefficients of all tensors of [group]; the latest group's are kept for the next request. */
    fun coefficients(group: Group, request: Request): Array<FloatArray> {
        latest?.let { if (it.group === group) return it.coefficients }
        latest = null
        val coefficients = Array(group.names.size) { i ->
            val kept = group.kept(tier, i).toLong()
            Budget.requireArray(kept, "coefficients", group.names[i])
            Budget.allocating(4 * kept, group.names[i]) { FloatArray(kept.toInt()) }
        }
        val coders = Coders(group)
        for (t in 0..tier) {
            val segment = session.container.segment(group, t, request) ?: continue
            segment.verify()
            coders.open(segment, group.values(t)).use { read(group, t, it, coefficients, request) }
        }
        latest = Decoded(group, coefficients)
        return coefficients
    }

    private fun read(group: Group, tier: Int, stream: ValueStream, coefficients: Array<FloatArray>, request: Request) {
        val format = checkNotNull(group.format)
        val chunk = ByteBuffer.allocate(minOf(group.values(tier) * format.bytes, CHUNK.toLong()).toInt())
        chunk.order(ByteOrder.LITTLE_ENDIAN)
        for (i in group.names.indices) {
            stream.startTensor()
            val reader = CoefficientReader.of(format, group.steps?.let { stepSize(it[i]) } ?: 1.0)
            val end = group.kept(tier, i)
            var at = group.kept(tier - 1, i)
            while (at < end) {
                request.check()
                chunk.clear()
                chunk.limit(minOf((end - at).toLong() * format.bytes, CHUNK.toLong()).toInt())
                stream.read(chunk)
                chunk.flip()
                while (chunk.hasRemaining()) coefficients[i][at++] = finite(reader.next(chunk), group, i)
            }
        }
        stream.finish()
    }

    private fun finite(value: Float, group: Group, i: Int): Float {
        if (value.isNaN() || value.isInfinite()) {
            throw FrzException(ErrorCode.VALUE, "a coefficient is not finite", group.names[i])
        }
        return value
    }

    private class Decoded(val group: Group, val coefficients: Array<FloatArray>)

    private companion object {
        const val CHUNK = 1 shl 16
    }
}
