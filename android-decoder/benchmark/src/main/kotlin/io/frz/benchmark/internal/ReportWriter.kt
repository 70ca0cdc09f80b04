package io.frz.benchmark.internal

import com.google.gson.GsonBuilder
import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive
import io.frz.benchmark.AppResult
import io.frz.benchmark.Heat
import io.frz.benchmark.LearningResult
import io.frz.benchmark.MemoryResult
import io.frz.benchmark.MemorySeries
import io.frz.benchmark.NetworkResult
import io.frz.benchmark.Score
import io.frz.benchmark.SharingResult
import io.frz.benchmark.SuiteReport
import io.frz.benchmark.VariantResult

/** Writes a report as JSON. Unknown values are omitted. */
internal class ReportWriter(private val report: SuiteReport) {
    fun write(): String {
        val context = report.context
        val document = fields(
            "format" to "frz-suite-report",
            "version" to 1,
            "created" to context.created,
            "producer" to fields("name" to context.producer.name, "version" to context.producer.version),
            "device" to fields(*context.device.map { it.key to it.value }.toTypedArray()),
            "threads" to context.threads,
            "short" to context.isShort,
            "seconds" to report.seconds,
            "runtimes" to array(context.runtimes) { fields("name" to it.name, "version" to it.version) },
            "missing_runtimes" to array(context.missing.entries) { fields("name" to it.key, "reason" to it.value) },
            "scores" to array(report.scores, ::score),
            "networks" to array(report.networks, ::network),
            "learning" to report.learning?.let(::learning),
            "sharing" to array(report.sharing, ::sharing),
            "memory" to array(report.memory, ::memory)
        )
        return GSON.toJson(document) + "\n"
    }

    private fun score(score: Score) = fields(
        "runtime" to score.runtime,
        "speedup" to score.speedup,
        "bytes_ratio" to score.bytesRatio,
        "memory_ratio" to score.memoryRatio,
        "counted" to array(score.counted) { JsonPrimitive(it) },
        "excluded" to array(score.excluded.entries) { fields("network" to it.key, "reason" to it.value) }
    )

    private fun network(result: NetworkResult) = fields(
        "network" to result.network.name,
        "title" to result.network.title,
        "task" to result.network.task,
        "metric" to result.network.metric.label,
        "runtime" to result.runtime.name,
        "input" to array(result.network.inputs.shape.drop(1)) { JsonPrimitive(it) },
        "inputs" to result.network.inputs.shape[0],
        "scored" to result.network.scored,
        "variants" to array(result.variants) { variant(result, it) }
    ).with(result.heat)

    private fun variant(result: NetworkResult, variant: VariantResult): JsonObject {
        val about = fields("name" to variant.name, "file_bytes" to variant.fileBytes)
        if (variant.failure != null) return about.apply { addProperty("failure", variant.failure) }
        val measured = fields(
            "load_ms" to variant.loadMillis,
            "first_ms" to variant.firstMillis,
            "median_ms" to variant.medianMillis,
            "p90_ms" to percentile(variant.millis, 0.9),
            "runs" to variant.millis.size,
            "native_bytes" to variant.footprint?.native,
            "heap_bytes" to variant.footprint?.heap,
            "error" to variant.error,
            "tolerance" to variant.tolerance,
            "score" to variant.score
        )
        for ((name, value) in measured.entrySet()) about.add(name, value)
        val ratios = if (variant === result.dense) null else result.comparison(variant)
        if (ratios != null) {
            val exclusion = result.exclusion(variant)
            about.add(
                "against_dense",
                fields(
                    "speedup" to ratios.speedup,
                    "bytes_ratio" to ratios.bytesRatio,
                    "memory_ratio" to ratios.memoryRatio,
                    "score_share" to ratios.scoreShare,
                    "counts" to (exclusion == null),
                    "reason" to exclusion
                )
            )
        }
        return about
    }

    private fun learning(result: LearningResult): JsonObject {
        if (result.failure != null) return fields("file_bytes" to result.fileBytes, "failure" to result.failure)
        return fields(
            "examples" to result.examples,
            "file_bytes" to result.fileBytes,
            "load_ms" to result.loadMillis,
            "learn_ms" to result.learnMillis,
            "solve_ms" to result.solveMillis,
            "first_ms" to result.millis.first(),
            "median_ms" to median(result.millis),
            "p90_ms" to percentile(result.millis, 0.9),
            "native_bytes" to result.footprint?.native,
            "heap_bytes" to result.footprint?.heap,
            "error" to result.error,
            "tolerance" to result.tolerance,
            "score" to result.accuracy
        ).with(result.heat)
    }

    private fun sharing(result: SharingResult): JsonObject {
        if (result.failure != null) return fields("runtime" to result.runtime.name, "failure" to result.failure)
        return fields(
            "runtime" to result.runtime.name,
            "memory_budget" to result.memory,
            "capacity" to result.capacity,
            "apps" to array(result.apps, ::app)
        ).with(result.heat)
    }

    private fun app(app: AppResult) = fields(
        "network" to app.name,
        "variant" to app.variant,
        "share" to app.share,
        "goal_fps" to app.goal,
        "scheduled_fps" to app.scheduled,
        "dense_fps" to app.dense
    )

    private fun memory(result: MemoryResult) = fields(
        "runtime" to result.runtime.name,
        "limit" to result.limit,
        "pixel_ratio" to result.pixelRatio,
        "series" to array(result.series) { series(it, result.limit) }
    )

    private fun series(series: MemorySeries, limit: Long) = fields(
        "variant" to series.variant,
        "pixels" to series.pixelsWithin(limit),
        "failure" to series.failure,
        "steps" to array(series.steps) { fields("height" to it.height, "width" to it.width, "peak" to it.peak) }
    )

    private fun JsonObject.with(heat: Heat): JsonObject {
        val members = fields(
            "temperature" to heat.temperature,
            "thermal_status" to heat.status?.label,
            "thermal_headroom" to heat.headroom
        )
        for ((name, value) in members.entrySet()) add(name, value)
        return this
    }

    private companion object {
        val GSON = GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create()

        fun fields(vararg members: Pair<String, Any?>) = JsonObject().apply {
            for ((name, value) in members) {
                when (value) {
                    null -> continue
                    is JsonElement -> add(name, value)
                    is Boolean -> addProperty(name, value)
                    is Double -> if (value.isFinite()) addProperty(name, value)
                    is Number -> addProperty(name, value)
                    else -> addProperty(name, value.toString())
                }
            }
        }

        fun <T> array(all: Iterable<T>, one: (T) -> JsonElement) =
            JsonArray().apply { for (each in all) add(one(each)) }
    }
}
