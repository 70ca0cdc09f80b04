package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzOptions
import io.frz.internal.Allowance
import io.frz.internal.Budget
import io.frz.internal.Lifetime
import io.frz.internal.Limits
import io.frz.internal.Request
import io.frz.internal.directory.Group
import io.frz.internal.saturatedSum
import io.frz.internal.storage.Segment
import io.frz.internal.storage.Source
import java.io.Closeable
import java.nio.ByteBuffer
import java.security.MessageDigest

/**
 * The structure of a file: its directory and the location of each segment.
 *
 * @property tiersPresent the number of tiers in the file, counted from the first
 * @property tier the tier to decode
 * @param ends for each tier, the size of the file if it is cut after that tier
 */
internal class Container private constructor(
    private val source: Source,
    val lifetime: Lifetime,
    val directory: Directory,
    private val offsets: List<LongArray>,
    val tiersPresent: Int,
    val tier: Int,
    private val ends: LongArray
) : Closeable {
    /** Returns the segment of [group] in [tier], to be read for [request]; null if the segment has no values. */
    fun segment(group: Group, tier: Int, request: Request): Segment? {
        val offset = offsets[group.index].getOrElse(tier) { NONE }
        if (offset == NONE) return null
        return Segment(source, request, offset, group.numbers.sizes[tier], group.name(0))
    }

    /** Returns the SHA-256 digest of the file up to the end of [tier], which must be present. */
    fun digest(tier: Int, request: Request): ByteArray {
        val end = ends[tier]
        val digest = MessageDigest.getInstance("SHA-256")
        val chunk = ByteBuffer.allocate(minOf(end, Segment.CHUNK.toLong()).toInt())
        var at = 0L
        while (at < end) {
            request.check()
            chunk.clear().limit(minOf(end - at, Segment.CHUNK.toLong()).toInt())
            source.read(at, chunk)
            digest.update(chunk.array(), 0, chunk.limit())
            at += chunk.limit()
        }
        return digest.digest()
    }

    /** Returns a stamp that changes if the file is modified. */
    fun stamp(): Long = source.stamp()

    override fun close() {
        lifetime.end()
        source.close()
    }

    companion object {
        private const val NONE = -1L

        /** Reads the header and directory of [source] and determines which tiers are present. */
        fun open(source: Source, options: FrzOptions, lifetime: Lifetime, request: Request): Container {
            val allowance = Allowance(Budget(options.memoryBudget), request)
            val header = Header.read(source)
            val directory = DirectoryParser(header.directory(source, allowance), allowance).parse()
            val offsets = directory.groups.map { LongArray(it.numbers.sizes.size) { NONE } }
            val ends = layOut(directory, header.end, offsets)
            if (ends.last() > Limits.FILE_BYTES) {
                throw FrzException(ErrorCode.LIMIT, "the whole file would be larger than ${Limits.FILE_BYTES} bytes")
            }

            val last = directory.tiers - 1
            val wanted = options.tier ?: last
            val needed = if (wanted < last) ends[wanted] else saturatedSum(ends[last], 1)
            val present = tiersPresent(ends, source.size(needed))
            if (wanted >= present && options.tier != null) {
                throw FrzException(ErrorCode.TIER, "the file contains tiers 0 to ${present - 1}, not tier $wanted")
            }
            return Container(source, lifetime, directory, offsets, present, minOf(wanted, present - 1), ends)
        }

        /** Fills in the start of each segment, and returns the end of each tier. */
        private fun layOut(directory: Directory, start: Long, offsets: List<LongArray>): LongArray {
            var at = start
            val ofAllTiers = directory.groups.filter { it.extents.isTiered }
            return LongArray(directory.tiers) { tier ->
                for (group in if (tier == 0) directory.groups else ofAllTiers) {
                    if (group.numbers.count(tier) == 0L) continue
                    offsets[group.index][tier] = at
                    at = saturatedSum(at, group.numbers.sizes[tier] + Segment.CHECKSUM_SIZE)
                }
                at
            }
        }

        private fun tiersPresent(ends: LongArray, size: Long): Int {
            val present = ends.lastIndexOf(size) + 1
            if (present > 0) return present
            if (size > ends.last()) {
                throw FrzException(ErrorCode.TRAILING, "bytes follow the last segment", offset = ends.last())
            }
            val tier = ends.indexOfFirst { it > size }
            throw FrzException(
                ErrorCode.TRUNCATED,
                "the file ends within tier $tier, ${ends[tier] - size} bytes early; get it again",
                offset = size
            )
        }
    }
}
