package io.frz.benchmark

import io.frz.benchmark.internal.geometricMean
import io.frz.benchmark.internal.median
import java.util.Collections

/**
 * A comparison of a variant with the dense network, on one runtime in one run. Each ratio is the dense network's value
 * divided by the variant's, so a ratio above 1 is better.
 *
 * @property speedup the median over the rounds of the ratio of the two latencies
 * @property bytesRatio the ratio of the file sizes
 * @property memoryRatio the ratio of the native memory, or null if it is not known
 * @property scoreShare the variant's task score divided by the dense network's
 */
public class Comparison internal constructor(
    public val speedup: Double,
    public val bytesRatio: Double,
    public val memoryRatio: Double?,
    public val scoreShare: Double
) {
    internal companion object {
        /** Compares [other] with [dense]; neither may have failed. */
        fun of(dense: VariantResult, other: VariantResult): Comparison {
            val memory = dense.footprint?.native?.toDouble()
            val others = other.footprint?.native
            return Comparison(
                median(dense.millis.zip(other.millis) { a, b -> a / b }),
                dense.fileBytes.toDouble() / other.fileBytes,
                if (memory == null || others == null || others == 0L || memory == 0.0) null else memory / others,
                other.score / dense.score
            )
        }
    }
}

/**
 * The score of a runtime: geometric means over the networks whose scored variant counts. A score is meaningful only
 * together with [counted] and [excluded].
 *
 * @property runtime the name of the runtime
 * @property speedup the geometric mean of the speed-ups over the dense networks, or null if no network counts
 * @property bytesRatio the geometric mean of the ratios of file sizes
 * @property memoryRatio the geometric mean of the ratios of native memory, where they are known
 * @property counted the names of the networks that count
 * @property excluded the networks that do not count, with the reasons
 */
public class Score internal constructor(
    public val runtime: String,
    public val speedup: Double?,
    public val bytesRatio: Double?,
    public val memoryRatio: Double?,
    counted: List<String>,
    excluded: Map<String, String>
) {
    public val counted: List<String> = Collections.unmodifiableList(ArrayList(counted))
    public val excluded: Map<String, String> = Collections.unmodifiableMap(LinkedHashMap(excluded))

    internal companion object {
        fun of(runtime: BenchmarkRuntime, results: List<NetworkResult>): Score {
            val own = results.filter { it.runtime === runtime }
            val reasons = own.associate { it.network.name to it.exclusion(it.variant(it.network.scored)) }
            val counted = own.filter { reasons[it.network.name] == null }
            val ratios = counted.map { Comparison.of(it.dense, it.variant(it.network.scored)) }
            val excluded = LinkedHashMap<String, String>()
            for ((name, reason) in reasons) if (reason != null) excluded[name] = reason
            return Score(
                runtime.name,
                geometricMean(ratios.map { it.speedup }),
                geometricMean(ratios.map { it.bytesRatio }),
                geometricMean(ratios.mapNotNull { it.memoryRatio }),
                counted.map { it.network.name },
                excluded
            )
        }
    }
}
