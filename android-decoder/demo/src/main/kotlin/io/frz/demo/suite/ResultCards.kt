package io.frz.demo.suite

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import io.frz.benchmark.AppResult
import io.frz.benchmark.Comparison
import io.frz.benchmark.Heat
import io.frz.benchmark.LearningResult
import io.frz.benchmark.MemoryResult
import io.frz.benchmark.Metric
import io.frz.benchmark.NetworkResult
import io.frz.benchmark.Score
import io.frz.benchmark.SuiteReport
import io.frz.benchmark.ThermalStatus
import io.frz.benchmark.VariantResult
import io.frz.demo.R
import io.frz.demo.work.Figure
import io.frz.demo.work.Words
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible

/** Adds the results of the suite to [list]: a card for the score with its parts, and one for each test. */
internal class ResultCards(private val list: ViewGroup) {
    private val context = list.context
    private val words = Words(context)

    fun add(report: SuiteReport) {
        val titles = report.networks.associate { it.network.name to it.network.title }
        for (score in report.scores) score(score, titles, heats(report))
        for (result in report.networks) network(result)
        report.learning?.let(::learning)
        for (result in report.sharing) {
            val lines = listOf(context.getString(R.string.sharing_how)) + result.apps.map { app(it, titles) }
            text(R.string.sharing, result.failure?.let(::failed) ?: lines)
        }
        for (result in report.memory) text(R.string.growing, memory(result))
    }

    private fun score(score: Score, titles: Map<String, String>, heats: List<Heat>) {
        val card = card(R.layout.suite_score)
        val speedup = score.speedup
        card.find<TextView>(R.id.speedup).show(
            speedup?.let { words.ratio(1.0, it, R.string.suite_faster, R.string.suite_slower, R.string.suite_same) }
                ?: context.getString(R.string.suite_no_score)
        )
        val bytes = score.bytesRatio?.let { words.ratio(1.0, it, R.string.smaller, R.string.larger) }
        val memory = score.memoryRatio?.let { words.ratio(1.0, it, R.string.smaller, R.string.larger) }
        val excluded = score.excluded.map { (name, reason) ->
            context.getString(R.string.suite_without, titles[name], reason)
        }
        val counted = score.counted.joinToString { titles.getValue(it) }
        val lines = listOfNotNull(
            bytes?.let { context.getString(R.string.suite_files, it) },
            memory?.let { context.getString(R.string.suite_memory, it) },
            if (counted.isEmpty()) null else context.getString(R.string.suite_counted, counted)
        )
        card.find<TextView>(R.id.parts).show((lines + excluded + heat(heats)).joinToString("\n"))
    }

    private fun heats(report: SuiteReport): List<Heat> =
        report.networks.map { it.heat } + listOfNotNull(report.learning?.heat) + report.sharing.map { it.heat }

    /** Describes the highest temperature, and how much the phone reduced its performance. */
    private fun heat(heats: List<Heat>): List<String> {
        val temperature = heats.mapNotNull { it.temperature }.maxOrNull()
        val slowed = heats.mapNotNull { it.status }.maxOrNull()?.let { SLOWED[minOf(it, ThermalStatus.SEVERE)] }
        return listOfNotNull(
            temperature?.let { context.getString(R.string.suite_temperature, words.number(it)) },
            slowed?.let { context.getString(R.string.suite_slowed, context.getString(it)) }
        )
    }

    private fun failed(reason: String) = listOf(context.getString(R.string.suite_failed, reason))

    private fun network(result: NetworkResult) {
        val card = card(R.layout.suite_network)
        card.find<TextView>(R.id.heading).show(result.network.title)
        val dense = result.dense
        val scored = result.variant(result.network.scored)
        val against = result.comparison(scored)
        card.find<View>(R.id.figures).visible(against != null)
        if (against != null) figures(card, scored, dense, against)
        val metric = result.network.metric
        val quality = if (against != null) {
            val name = context.getString(NAMES.getValue(metric))
            context.getString(R.string.suite_quality, name, quality(metric, scored), quality(metric, dense))
        } else {
            null
        }
        card.find<TextView>(R.id.quality).show(quality)
        val others = result.variants.filter { it !== dense && it !== scored && it.failure == null }.map {
            val time = words.time(it.medianMillis)
            context.getString(R.string.suite_other, it.name, words.bytes(it.fileBytes), time, quality(metric, it))
        }
        val excluded = result.exclusion(scored)?.let { context.getString(R.string.suite_excluded, it) }
        card.find<TextView>(R.id.notes).show((others + listOfNotNull(excluded)).joinToString("\n"))
    }

    private fun figures(card: View, scored: VariantResult, dense: VariantResult, against: Comparison) {
        figure(card, R.id.size, R.string.suite_size)
            .show(scored.fileBytes.toDouble(), dense.fileBytes.toDouble()) { words.bytes(it.toLong()) }
        figure(card, R.id.forward, R.string.suite_forward, R.string.faster, R.string.slower)
            .show(scored.medianMillis, dense.medianMillis, ratio = against.speedup, text = words::time)
        figure(card, R.id.load, R.string.figure_load, R.string.faster, R.string.slower)
            .show(scored.loadMillis, dense.loadMillis, text = words::time)
        val memories = listOf(scored, dense).map { it.footprint?.native?.takeIf { bytes -> bytes > 0 }?.toDouble() }
        figure(card, R.id.memory, R.string.suite_peak)
            .show(memories[0].takeIf { memories[1] != null }, memories[1]) { words.bytes(it.toLong()) }
    }

    private fun figure(card: View, row: Int, name: Int, better: Int = R.string.smaller, worse: Int = R.string.larger) =
        Figure(card.find(row), words, name, better, worse)

    private fun quality(metric: Metric, variant: VariantResult): String =
        if (metric == Metric.PSNR) words.decibels(variant.score) else words.percent(variant.score)

    private fun learning(result: LearningResult) = text(
        R.string.learning,
        result.failure?.let(::failed) ?: listOf(
            context.getString(R.string.learning_score, words.percent(result.accuracy), result.examples),
            context.getString(R.string.learning_times, words.time(result.learnMillis), words.time(result.solveMillis)),
            context.getString(R.string.learning_layer, words.bytes(result.fileBytes), words.time(result.loadMillis))
        )
    )

    private fun app(app: AppResult, titles: Map<String, String>): String {
        val (scheduled, goal, dense) = listOf(app.scheduled, app.goal, app.dense).map(words::number)
        return context.getString(R.string.sharing_app, titles[app.name], app.variant, scheduled, goal, dense)
    }

    private fun memory(result: MemoryResult): List<String> {
        val ratio = result.pixelRatio?.let { context.getString(R.string.growing_ratio, words.number(it)) }
        val series = result.series.map { series ->
            val last = series.steps.lastOrNull { it.peak <= result.limit }
            val size = last?.let { "${it.width} × ${it.height}" } ?: context.getString(R.string.growing_none)
            context.getString(R.string.growing_size, series.variant, size, words.bytes(result.limit))
        }
        val ended = result.series.mapNotNull { series ->
            series.failure?.let { context.getString(R.string.growing_ended, series.variant, it) }
        }
        return series + listOfNotNull(ratio) + ended
    }

    private fun text(heading: Int, lines: List<String>) {
        val card = card(R.layout.suite_text)
        card.find<TextView>(R.id.heading).setText(heading)
        card.find<TextView>(R.id.parts).show(lines.joinToString("\n"))
    }

    private fun card(layout: Int): View =
        LayoutInflater.from(context).inflate(layout, list, false).also { list.addView(it) }

    private companion object {
        val NAMES = mapOf(
            Metric.ACCURACY to R.string.metric_accuracy,
            Metric.DICE to R.string.metric_dice,
            Metric.PSNR to R.string.metric_psnr,
            Metric.CONFIDENCE to R.string.metric_confidence
        )
        val SLOWED = mapOf(
            ThermalStatus.LIGHT to R.string.suite_slowed_light,
            ThermalStatus.MODERATE to R.string.suite_slowed_moderate,
            ThermalStatus.SEVERE to R.string.suite_slowed_severe
        )
    }
}
