package io.frz.benchmark

import io.frz.benchmark.internal.ReportWriter
import java.util.Collections

/**
 * The results of the suite.
 *
 * @property seconds how long the suite took
 * @property networks the results of the networks: for each runtime, in the order of the manifest
 * @property learning the result of on-device learning, or null
 * @property sharing the results of several concurrent applications, for each runtime with at least two usable networks
 * @property memory the results of the test of growing resolutions, for each runtime that was tested
 * @property scores the score of each runtime
 */
public class SuiteReport internal constructor(
    internal val context: ReportContext,
    public val seconds: Double,
    networks: List<NetworkResult>,
    public val learning: LearningResult?,
    sharing: List<SharingResult>,
    memory: List<MemoryResult>,
    scores: List<Score>
) {
    public val networks: List<NetworkResult> = Collections.unmodifiableList(ArrayList(networks))
    public val sharing: List<SharingResult> = Collections.unmodifiableList(ArrayList(sharing))
    public val memory: List<MemoryResult> = Collections.unmodifiableList(ArrayList(memory))
    public val scores: List<Score> = Collections.unmodifiableList(ArrayList(scores))

    /** Returns the report as a JSON document; `suite-report.schema.json` describes it. */
    public fun toJson(): String = ReportWriter(this).write()
}

/** The part of a report that concerns the run as a whole. */
internal class ReportContext(
    val created: String,
    val producer: Producer,
    val device: Map<String, Any>,
    val threads: Int,
    val runtimes: List<BenchmarkRuntime>,
    val missing: Map<String, String>,
    val isShort: Boolean
)

/**
 * The program that runs the suite.
 *
 * @property name the name of the program
 * @property version its version
 * @property threads the number of threads with which it created the runtimes
 * @property missing the runtimes that are not in the build, with the reasons
 */
public class Producer @JvmOverloads constructor(
    public val name: String,
    public val version: String,
    public val threads: Int,
    public val missing: Map<String, String> = emptyMap()
)
