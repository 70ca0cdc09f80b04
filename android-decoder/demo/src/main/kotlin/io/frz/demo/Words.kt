package io.frz.demo

import android.content.Context
import android.text.format.Formatter
import java.text.NumberFormat

/** Puts the app's results into words, in the language of the phone. */
internal class Words(private val context: Context) {
    /** Says what the picture shows, or how much of it the mask covers. */
    fun answer(task: Task, output: Output): String {
        val id = if (task == Task.CLASSIFY) R.string.answer_class else R.string.answer_mask
        return context.getString(id, output.label, percent(output.share))
    }

    /** Describes the picture called [name], and what [output] draws over it, for users who cannot see it. */
    fun picture(name: String, task: Task, output: Output?): String = when {
        output == null -> context.getString(R.string.picture, name)
        task == Task.CLASSIFY -> context.getString(R.string.picture_classified, name, output.label)
        else -> context.getString(R.string.picture_segmented, name, output.label, percent(output.share))
    }

    /** Describes sizes, times and memory. */
    fun figures(network: LoadedNetwork, run: LoadedNetwork.Run?): String {
        val files = longArrayOf(network.skeletonBytes, network.fileBytes, network.weightsBytes).map { bytes(it) }
        val handOver = network.loadTime - network.skeletonTime
        val times = listOf(network.loadTime, network.skeletonTime, handOver, network.decodeTime).map { number(it) }
        val memory = (run?.memory ?: network.after).resident
        return listOfNotNull(
            context.getString(R.string.figures_files, *files.toTypedArray()),
            context.getString(R.string.figures_load, *times.toTypedArray()),
            run?.let { context.getString(R.string.figures_forward, number(it.time)) },
            memory?.let { context.getString(R.string.figures_memory, bytes(it), bytes(network.before.resident ?: 0)) }
        ).joinToString("\n")
    }

    private fun percent(share: Double) = NumberFormat.getPercentInstance().tenths().format(share)

    private fun number(value: Double) = NumberFormat.getInstance().tenths().format(value)

    private fun NumberFormat.tenths() = apply { maximumFractionDigits = 1 }

    private fun bytes(count: Long) = Formatter.formatShortFileSize(context, count)
}
