package io.frz.internal.container

import io.frz.BasisKind
import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.directory.Axes
import io.frz.internal.directory.Lists

/** Reads the fields of a group that describe the axes of its tensors: views, bases, and the data that bases need. */
internal class AxesParser(private val fields: Fields, private val known: Known) {
    private val allowance = known.allowance

    fun parse(shapes: Lists, elements: LongArray): Axes {
        val given = fields.optional(GroupField.VIEWS)?.let { BooleanArray(elements.size) }
        val views = given?.let { views(it, shapes, elements) } ?: shapes
        val kinds = fields.optional(GroupField.BASES)?.let { kinds(it) } ?: listOf(BasisKind.IDENTITY)
        val axes = Axes(shapes, views, given, kinds, null, null)
        val factors = arguments(axes, BasisKind.STORED, GroupField.FACTORS, "factors") { factor(it) }
        val seeds = arguments(axes, BasisKind.SEEDED, GroupField.SEEDS, "seeds") { it.uint64("a seed") }
        return Axes(shapes, views, given, kinds, factors, seeds)
    }

    private fun views(given: BooleanArray, shapes: Lists, elements: LongArray): Lists {
        val reader = fields.required(GroupField.VIEWS)
        reader.array("views", given.size)
        allowance.take(given.size.toLong())
        val views = Lists.Builder(given.size, allowance)
        for (i in given.indices) {
            given[i] = !reader.isNil()
            if (given[i]) {
                views.add(view(reader, elements[i]))
            } else {
                reader.skip()
                views.add(shapes[i])
            }
        }
        return views.build()
    }

    private fun view(reader: MessageReader, elements: Long): LongArray {
        val view = reader.shape("a view")
        if (reader.elements(view) != elements) {
            throw reader.fault(ErrorCode.SHAPE, "a view does not have the $elements elements of its tensor")
        }
        return view
    }

    private fun kinds(reader: MessageReader): List<BasisKind> {
        val count = reader.array("bases")
        if (count !in 1..Limits.RANK) {
            throw reader.fault(ErrorCode.DIRECTORY, "bases have $count entries, not 1 to ${Limits.RANK}")
        }
        return List(count) { reader.id("a basis", KINDS) }
    }

    /** Reads the numbers that each tensor specifies for its axes of one [kind]; returns null if the field is absent. */
    private inline fun arguments(
        axes: Axes,
        kind: BasisKind,
        field: GroupField,
        what: String,
        read: (MessageReader) -> Long
    ): Lists? {
        val reader = fields.optional(field) ?: return null
        val views = axes.views
        reader.array(what, views.size)
        val lists = Lists.Builder(views.size, allowance)
        for (i in 0 until views.size) {
            val wanted = (0 until views.length(i)).count { axes.kind(it) == kind }
            reader.array("$what of a tensor", wanted)
            lists.add(LongArray(wanted) { read(reader) })
        }
        return lists.build()
    }

    private fun factor(reader: MessageReader): Long {
        val number = reader.uint("a factor")
        if (number >= known.factors.size) {
            throw reader.fault(ErrorCode.SHAPE, "a tensor uses factor $number, which no earlier group contains")
        }
        return number
    }

    private companion object {
        val KINDS = BasisKind.values().sortedBy { it.id }
    }
}
