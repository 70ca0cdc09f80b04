package io.frz.internal.values

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.TensorInfo
import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.coder.Coders
import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum
import java.util.concurrent.ConcurrentHashMap

/**
 * The base of a delta file: the file with the values to which the delta file's differences are added.
 *
 * @param budget the memory that a request for the delta file may use
 * @param tensor returns the base's description of the tensor with the given name, or null if there is none
 */
internal class Base(
    private val container: Container,
    budget: Budget,
    private val tensor: (name: String) -> TensorInfo?
) {
    private val groups = GroupReader(container, null)
    private val needed = ConcurrentHashMap<Group, Long>()

    /** The values of groups with several tensors. Those of large groups are kept only until the request ends. */
    private val remembered = Remembered.within<List<IntArray>>(budget)

    /** The values of the large group that a request has read last. */
    private class Last(val group: Group, val values: List<IntArray>)

    /** Throws if this is not the base of the delta file [other], or does not contain values that its groups need. */
    fun check(other: Container, request: Request) {
        val directory = container.directory
        if (directory.tiers != 1 || directory.base != null) {
            throw misfit("a base must have one tier, and must not be a delta file itself")
        }
        if (!container.digest(0, request).contentEquals(other.directory.base)) {
            throw misfit("the base is not the file that this delta file was made from; use that file")
        }
        for (group in other.directory.groups) {
            if (group.numbers.isDelta) for (i in 0 until group.size) check(group, i)
        }
    }

    private fun check(group: Group, i: Int) {
        val name = group.name(i)
        val info = tensor(name.orEmpty()) ?: throw misfit("the base has no tensor of this name", name)
        val held = info.record
        val isSame = group.valueType == held.valueType && group.numbers.isStepped == held.numbers.isStepped
        if (!isSame || blocks(group, i) != blocks(held, info.index)) {
            throw misfit("the base stores this tensor with a different type or shape", name)
        }
    }

    private fun blocks(group: Group, i: Int) = Run.of(group, i, 0).flatMap { it.blocks }

    /** Checks that the library that decodes the base's tensor [name] is installed. */
    fun requireInstalled(name: String) = Coders.of(place(name).record.numbers.coder).requireInstalled(name)

    /** Returns the memory in bytes needed to decode the base's values of the tensors of [group]. */
    fun bytes(group: Group): Long = needed.getOrPut(group) {
        (0 until group.size).map { place(group.name(it).orEmpty()).record }.distinct().maxOf { held ->
            val values = saturatedProduct(Int.SIZE_BYTES.toLong(), held.numbers.count(0))
            saturatedSum(values, Coders.of(held.numbers.coder).workingBytes(held))
        }
    }

    /** Returns the values of tensor [name] as integers, or as the bits of floats. */
    fun values(name: String, request: Request): IntArray {
        container.lifetime.requireOpen()
        val info = place(name)
        val group = info.record
        val last = request.shared as Last?
        val values = remembered[group] ?: last?.values?.takeIf { last.group === group } ?: read(group, request)
        return values[info.index]
    }

    private fun read(group: Group, request: Request): List<IntArray> {
        request.shared = null // Only one large group is kept in memory at a time.
        val readers = List(group.size) { RawReader(group, it, request) }
        try {
            groups.readAll(group, request) { readers[it] }
        } catch (e: FrzException) {
            throw FrzException(e.code, "the base cannot be decoded: ${e.message}", cause = e)
        }
        val values = readers.map { it.values }
        val size = Int.SIZE_BYTES * values.sumOf { it.size.toLong() }
        when {
            group.size == 1 -> Unit
            size <= remembered.most -> remembered.put(group, values, size)
            else -> request.shared = Last(group, values)
        }
        return values
    }

    private fun place(name: String): TensorInfo = checkNotNull(tensor(name))

    private fun misfit(problem: String, name: String? = null) = FrzException(ErrorCode.BASE, problem, name)
}

/** Reads all values of tensor [i] of [group], which has a single tier, without converting them. */
private class RawReader(private val group: Group, private val i: Int, private val request: Request) : ValueReader() {
    val values: IntArray

    init {
        val count = Run.of(group, i, 0).sumOf { it.count }
        Budget.requireArray(count, "values", group.name(i))
        values = Budget.allocating(Int.SIZE_BYTES * count, group.name(i)) { IntArray(count.toInt()) }
    }

    override fun read(stream: ValueStream, before: Int, tier: Int) {
        var at = 0
        for (run in Run.of(group, i, tier)) {
            stream.start(run)
            val end = at + run.count.toInt()
            while (at < end) {
                request.check()
                val count = minOf(end - at, Scratch.NUMBERS)
                stream.read(values, at, count)
                at += count
            }
        }
    }
}
