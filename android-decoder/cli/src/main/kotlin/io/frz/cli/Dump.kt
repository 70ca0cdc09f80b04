package io.frz.cli

import com.google.gson.GsonBuilder
import com.google.gson.JsonArray
import com.google.gson.JsonObject
import io.frz.BasisKind
import io.frz.FrzFile
import io.frz.TensorInfo
import io.frz.cli.shell.Printing
import java.io.PrintWriter
import java.util.Locale
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin

@Command(name = "dump", description = ["List the contents of FILE without decoding it."])
internal class Dump : Runnable {
    @Mixin
    private lateinit var input: Input

    @Mixin
    private lateinit var printing: Printing

    override fun run() = input.open {
        val out = printing.out
        if (printing.json) out.println(GSON.toJson(describe(it))) else print(it, out)
    }

    private fun print(frz: FrzFile, out: PrintWriter) {
        val bytes = input.file.length()
        val elements = frz.tensors.sumOf { it.elements.toDouble() }
        val dense = frz.tensors.sumOf { it.bytes.toDouble() }
        val than = if (dense > 0) ", ${compared(dense, bytes)}" else ""
        out.println("${input.file}: ${grouped(bytes)} bytes for ${grouped(elements)} elements$than")
        out.println("tier ${frz.tier} of ${frz.tiersPresent} present, ${frz.tiers} in the complete file")
        frz.metadata.forEach { (key, value) -> out.println("metadata ${printable(key)}: ${printable(value)}") }
        var factors = 0
        frz.groups.forEachIndexed { index, group ->
            out.println()
            out.println("group $index: ${group.coder.label}, ${grouped(group.storedBytes)} bytes")
            print(HEADINGS, group.tensors.map { row(it, it.name.ifEmpty { "factor ${factors++}" }) }, out)
        }
        if (frz.aliases.isNotEmpty()) out.println()
        frz.aliases.forEach { (name, target) -> out.println("alias ${printable(name)} of ${printable(target)}") }
    }

    private fun row(info: TensorInfo, name: String) = listOf(
        printable(name),
        info.dtype.label,
        axes(info.shape),
        info.view?.let { axes(it) } ?: "",
        if (info.bases.any { it != BasisKind.IDENTITY }) bases(info) else "",
        if (info.isWhole) "" else axes(info.box),
        if (info.perTier) "one per tier" else info.keptByTier.joinToString(" "),
        values(info)
    )

    private val TensorInfo.isWhole get() = kept == null && box.contentEquals(view ?: shape)

    private fun bases(info: TensorInfo): String {
        val factors = info.factors.iterator()
        val seeds = info.seeds.iterator()
        return info.bases.joinToString(" ") { basis ->
            when (basis) {
                BasisKind.STORED -> "${basis.label}:${factors.next()}"
                BasisKind.SEEDED -> "${basis.label}:${java.lang.Long.toUnsignedString(seeds.next())}"
                else -> basis.label
            }
        }
    }

    private fun values(info: TensorInfo): String {
        val step = info.step ?: return info.format?.label.orEmpty()
        return "× $step" + if (info.offsets.isEmpty()) "" else info.offsets.joinToString(",", " offsets ")
    }

    /** Prints a table. Cells wider than [WIDE] do not widen their columns, and a wide name has a line of its own. */
    private fun print(headings: List<String>, rows: List<List<String>>, out: PrintWriter) {
        val columns = headings.indices.filter { column -> rows.any { it[column].isNotEmpty() } }
        val lines = (listOf(headings) + rows).flatMap { row ->
            val others = row.drop(1)
            if (row[0].length <= WIDE) listOf(row) else listOf(row.take(1) + others.map { "" }, listOf("") + others)
        }
        val widths = columns.map { column -> lines.maxOf { row -> row[column].length.takeIf { it <= WIDE } ?: 0 } }
        for (line in lines) {
            out.println(
                columns.zip(widths).joinToString("  ", "  ") { (column, width) ->
                    line[column].padEnd(width)
                }.trimEnd()
            )
        }
    }

    private fun describe(frz: FrzFile) = JsonObject().apply {
        addProperty("bytes", input.file.length())
        addProperty("tiers", frz.tiers)
        addProperty("tiers_present", frz.tiersPresent)
        addProperty("tier", frz.tier)
        add("metadata", JsonObject().apply { frz.metadata.forEach { (key, value) -> addProperty(key, value) } })
        add("aliases", JsonObject().apply { frz.aliases.forEach { (name, target) -> addProperty(name, target) } })
        add("groups", JsonArray().apply { frz.groups.forEach { group -> add(GSON.toJsonTree(group.sizes)) } })
        add("factors", JsonArray().apply { frz.factors.forEach { add(describe(it)) } })
        add("tensors", JsonArray().apply { frz.tensors.forEach { add(describe(it)) } })
    }

    private fun describe(info: TensorInfo) = JsonObject().apply {
        if (info.name.isNotEmpty()) addProperty("name", info.name)
        addProperty("dtype", info.dtype.label)
        add("shape", GSON.toJsonTree(info.shape))
        info.view?.let { add("view", GSON.toJsonTree(it)) }
        add("bases", GSON.toJsonTree(info.bases.map { it.label }))
        if (info.factors.isNotEmpty()) add("factors", GSON.toJsonTree(info.factors))
        if (info.seeds.isNotEmpty()) add("seeds", GSON.toJsonTree(info.seeds.map(java.lang.Long::toUnsignedString)))
        if (info.keptByTier.isNotEmpty()) add("kept", GSON.toJsonTree(info.keptByTier))
        if (info.corners.isNotEmpty()) add("corners", GSON.toJsonTree(info.corners))
        if (info.perTier) addProperty("per_tier", true)
        add("box", GSON.toJsonTree(info.box))
        info.format?.let { addProperty("format", it.label) }
        info.step?.let { addProperty("step", it) }
        if (info.offsets.isNotEmpty()) add("offsets", GSON.toJsonTree(info.offsets))
        addProperty("coder", info.coder.label)
        addProperty("group", info.group)
    }

    private companion object {
        val GSON = GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create()
        val STEERING = setOf(
            CharCategory.CONTROL,
            CharCategory.FORMAT,
            CharCategory.LINE_SEPARATOR,
            CharCategory.PARAGRAPH_SEPARATOR
        )
        const val WIDE = 60
        val HEADINGS = listOf("tensor", "dtype", "shape", "view", "bases", "box", "kept", "values")

        fun axes(shape: LongArray) = if (shape.isEmpty()) "scalar" else shape.joinToString("×")

        fun grouped(number: Number): String = String.format(Locale.ROOT, "%,d", number.toLong())

        /** Compares the size of a file with that of its [dense] tensors. */
        fun compared(dense: Double, bytes: Long): String = when {
            dense >= bytes -> String.format(Locale.ROOT, "%,.1f× smaller than dense", dense / bytes)
            else -> String.format(Locale.ROOT, "%,.1f× larger than dense", bytes / dense)
        }

        /** Returns untrusted [text] as one line that contains no terminal control sequences. */
        fun printable(text: String) = text.map { if (it.category in STEERING) '\uFFFD' else it }.joinToString("")
    }
}
