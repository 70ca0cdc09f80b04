package io.frz.demo.work

import android.content.Context
import android.text.format.Formatter
import io.frz.demo.R
import java.math.BigDecimal
import java.math.MathContext
import java.text.NumberFormat

/** Writes numbers with their units, in the language of the phone. */
internal class Words(private val context: Context) {
    /**
     * Formats the ratio of [many] to [few], such as “17× faster”; [better] and [worse] are formats for the number, and
     * [same] is the text for a ratio that rounds to 1.
     */
    fun ratio(few: Double, many: Double, better: Int, worse: Int, same: Int = R.string.same): String {
        val number = rounded(maxOf(few, many) / minOf(few, many))
        val format = if (many >= few) better else worse
        return if (number == rounded(1.0)) context.getString(same) else context.getString(format, number)
    }

    /** Returns a time in seconds, or in milliseconds if it is short. */
    fun time(milliseconds: Double): String = if (milliseconds < SHORT) {
        context.getString(R.string.milliseconds, rounded(milliseconds))
    } else {
        context.getString(R.string.seconds, rounded(milliseconds / 1000))
    }

    fun bytes(count: Long): String = Formatter.formatShortFileSize(context, count)

    /** Returns a signal-to-noise ratio with one decimal place. */
    fun decibels(value: Double): String {
        val format = NumberFormat.getInstance().apply { maximumFractionDigits = 1 }
        return context.getString(R.string.decibels, format.format(value))
    }

    /** Returns a number with two significant digits. */
    fun number(value: Double): String = rounded(value)

    /** Returns a share as a percentage with at most one decimal place; only the whole is shown as 100 %. */
    fun percent(share: Double): String {
        val shown = if (share < 1) minOf(share, ALMOST_ALL) else share
        return NumberFormat.getPercentInstance().apply { maximumFractionDigits = 1 }.format(shown)
    }

    private fun rounded(value: Double) =
        NumberFormat.getInstance().apply { maximumFractionDigits = 3 }.format(BigDecimal(value).round(MathContext(2)))

    private companion object {
        /** Times below 0.1 s are shown in milliseconds. */
        const val SHORT = 100.0
        const val ALMOST_ALL = 0.999
    }
}
