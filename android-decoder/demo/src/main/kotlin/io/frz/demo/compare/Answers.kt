package io.frz.demo.compare

import android.content.Context
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.network.Output
import io.frz.demo.network.Task
import io.frz.demo.work.Words

/** Describes the app's results in the language of the phone. */
internal class Answers(private val context: Context) {
    private val words = Words(context)

    /** Returns what the picture shows, or how much of it the mask covers. */
    fun answer(task: Task, output: Output): String = when {
        task == Task.CLASSIFY -> context.getString(R.string.answer_class, output.label, words.percent(output.share))
        output.share == 0.0 -> context.getString(R.string.answer_none, output.label)
        else -> context.getString(R.string.answer_mask, words.percent(output.share), output.label)
    }

    /** Describes the picture [name] and the mask of [output] for users who cannot see them. */
    fun picture(name: String, task: Task, output: Output?): String = when {
        output == null -> context.getString(R.string.picture, name)
        task == Task.CLASSIFY -> context.getString(R.string.picture_classified, name, output.label)
        else -> context.getString(R.string.picture_segmented, name, output.label, words.percent(output.share))
    }

    /** Describes the tier: its number, size and accuracy. */
    fun tier(info: NetworkInfo, tier: Int): String = info.tiers[tier].run {
        context.getString(R.string.tier_of, tier + 1, info.tiers.size, words.bytes(bytes), words.percent(accuracy))
    }
}
