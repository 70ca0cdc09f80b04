package io.frz.benchmark

import io.frz.benchmark.internal.median
import java.util.Collections

/**
 * The results of a network on a runtime. All variants were measured in turn.
 *
 * @property network the network
 * @property runtime the runtime
 * @property variants the results of the variants; the first is dense
 * @property heat the heat of the device during the runs
 */
public class NetworkResult internal constructor(
    public val network: NetworkAssets,
    public val runtime: BenchmarkRuntime,
    variants: List<VariantResult>,
    public val heat: Heat = Heat()
) {
    public val variants: List<VariantResult> = Collections.unmodifiableList(variants)

    /** The dense network. */
    public val dense: VariantResult get() = variants.first()

    /** Returns the variant named [name]. */
    public fun variant(name: String): VariantResult = variants.first { it.name == name }

    /** Compares a variant with the dense network, or returns null if either failed. */
    public fun comparison(variant: VariantResult): Comparison? =
        if (variant.failure != null || dense.failure != null) null else Comparison.of(dense, variant)

    /**
     * Returns the reason why a variant does not count toward the score, or null if it counts. To count, the variant
     * and the dense network must run with errors within their tolerances, and the variant's task score must be at
     * least 98 % of the dense network's.
     */
    public fun exclusion(variant: VariantResult): String? = when {
        variant.failure != null -> "it failed: ${variant.failure}"
        dense.failure != null -> "the dense network failed: ${dense.failure}"
        variant.error > variant.tolerance -> "its error is above the tolerance"
        dense.error > dense.tolerance -> "the dense network's error is above the tolerance"
        variant.score < LEAST_SHARE * dense.score -> "its task score is below 98 % of the dense network's"
        else -> null
    }

    private companion object {
        const val LEAST_SHARE = 0.98
    }
}

/**
 * The results of a variant. If [failure] is not null, only [name], [fileBytes] and [tolerance] are meaningful.
 *
 * @property name the name of the variant
 * @property fileBytes the total size of its files in bytes
 * @property loadMillis the median time to load it
 * @property firstMillis the median time of the first run after loading
 * @property millis the times of the later runs, one for each round
 * @property error the relative L1 error, compared with the desktop, over all labeled inputs
 * @property tolerance the maximum acceptable error
 * @property score the task score, the mean over all labeled inputs
 * @property footprint the memory that loading and one run take, or null if it could not be measured
 * @property failure why the variant has no results, in one line, or null
 */
public class VariantResult internal constructor(
    public val name: String,
    public val fileBytes: Long,
    public val loadMillis: Double,
    public val firstMillis: Double,
    millis: List<Double>,
    public val error: Double,
    public val tolerance: Double,
    public val score: Double,
    public val footprint: Footprint?,
    public val failure: String? = null
) {
    public val millis: List<Double> = Collections.unmodifiableList(ArrayList(millis))

    /** The median of [millis]. */
    public val medianMillis: Double get() = median(millis)

    internal companion object {
        fun failed(variant: Variant, fileBytes: Long, reason: String) = VariantResult(
            variant.name, fileBytes, 0.0, 0.0, emptyList(), 0.0, variant.tolerance, 0.0, null, reason
        )
    }
}

/**
 * The results of on-device learning: a classifier that learned from examples, without gradients. If [failure] is not
 * null, only [fileBytes] and [tolerance] are meaningful.
 *
 * @property examples the number of examples learned
 * @property fileBytes the size of the hidden layer's file in bytes
 * @property loadMillis the time to load the hidden layer
 * @property learnMillis the median time per example
 * @property solveMillis the time to compute the output layer
 * @property millis the times of the classifications, in order
 * @property error the relative L1 error of the outputs, compared with the desktop, which learned the same examples
 * @property tolerance the maximum acceptable error
 * @property accuracy the share of the test inputs that are classified correctly
 * @property footprint the memory that loading, learning and classifying take, or null if it could not be measured
 * @property heat the heat of the device during the test
 * @property failure why the test has no results, in one line, or null
 */
public class LearningResult internal constructor(
    public val examples: Int,
    public val fileBytes: Long,
    public val loadMillis: Double,
    public val learnMillis: Double,
    public val solveMillis: Double,
    millis: List<Double>,
    public val error: Double,
    public val tolerance: Double,
    public val accuracy: Double,
    public val footprint: Footprint? = null,
    public val heat: Heat = Heat(),
    public val failure: String? = null
) {
    public val millis: List<Double> = Collections.unmodifiableList(ArrayList(millis))

    internal companion object {
        fun failed(fileBytes: Long, tolerance: Double, reason: String) = LearningResult(
            0, fileBytes, 0.0, 0.0, 0.0, emptyList(), 0.0, tolerance, 0.0, failure = reason
        )
    }
}

/**
 * The results of several applications that ran at the same time, each with its own network: first all with dense
 * networks, then as the scheduler planned. If [failure] is not null, there are no results.
 *
 * @property runtime the runtime
 * @property memory the memory budget of the scheduler in bytes
 * @property capacity how many dense networks the device runs in the time of one, while all applications run
 * @property apps the applications
 * @property heat the heat of the device during the test
 * @property failure why the test has no results, in one line, or null
 */
public class SharingResult internal constructor(
    public val runtime: BenchmarkRuntime,
    public val memory: Long,
    public val capacity: Double,
    apps: List<AppResult>,
    public val heat: Heat = Heat(),
    public val failure: String? = null
) {
    public val apps: List<AppResult> = Collections.unmodifiableList(ArrayList(apps))

    internal companion object {
        fun failed(runtime: BenchmarkRuntime, reason: String) =
            SharingResult(runtime, 0, 0.0, emptyList(), failure = reason)
    }
}

/**
 * The result of one of several applications.
 *
 * @property name the name of its network
 * @property variant the variant that the scheduler chose
 * @property share the share of the device that the scheduler planned for it
 * @property goal the frames per second that it requests
 * @property scheduled the frames per second that it reached with the chosen variant
 * @property dense the frames per second that it reached when all applications ran dense networks
 */
public class AppResult internal constructor(
    public val name: String,
    public val variant: String,
    public val share: Double,
    public val goal: Double,
    public val scheduled: Double,
    public val dense: Double
)

/**
 * The results of the test of growing resolutions on a runtime.
 *
 * @property runtime the runtime
 * @property limit the memory limit in bytes
 * @property series the variants: the dense one, then the compressed one
 */
public class MemoryResult internal constructor(
    public val runtime: BenchmarkRuntime,
    public val limit: Long,
    series: List<MemorySeries>
) {
    public val series: List<MemorySeries> = Collections.unmodifiableList(ArrayList(series))

    /**
     * The number of pixels that the compressed network can process within the limit, as a multiple of the number that
     * the dense one can process; null if either is unknown.
     */
    public val pixelRatio: Double?
        get() {
            val (dense, compressed) = series.map { it.pixelsWithin(limit) }
            return if (dense == null || compressed == null) null else compressed / dense
        }
}

/**
 * The peak memory of a variant at each resolution.
 *
 * @property variant the name of the variant
 * @property steps the steps, in ascending order; the last one exceeds the limit, unless no step does or the test failed
 * @property failure why the test ended early, or null if it ended at the limit or with the last resolution
 */
public class MemorySeries internal constructor(
    public val variant: String,
    steps: List<MemoryStep>,
    public val failure: String?
) {
    public val steps: List<MemoryStep> = Collections.unmodifiableList(ArrayList(steps))

    /**
     * Returns the number of pixels at which the peak reaches [limit], interpolated between the steps around it. If no
     * step exceeds the limit, returns the last step's number; if all do, returns null.
     */
    public fun pixelsWithin(limit: Long): Double? {
        val below = steps.lastOrNull { it.peak <= limit } ?: return null
        val above = steps.firstOrNull { it.peak > limit && it.pixels > below.pixels } ?: return below.pixels.toDouble()
        val part = (limit - below.peak).toDouble() / (above.peak - below.peak)
        return below.pixels + part * (above.pixels - below.pixels)
    }
}

/**
 * A resolution of the memory test.
 *
 * @property height the height of the input
 * @property width the width of the input
 * @property peak the native memory of loading and one run, in bytes
 */
public class MemoryStep internal constructor(public val height: Int, public val width: Long, public val peak: Long) {
    /** The number of pixels of the input. */
    public val pixels: Long get() = height * width
}
