package io.frz.fuzz

import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import java.lang.management.ManagementFactory

/** Jazzer's target: opens a file, lists its contents, and loads everything. It may throw only [FrzException]. */
object DecoderFuzzer {
    /**
     * The limit for instrumented code, which takes about fifteen times as long as other code. The limit corresponds to
     * less than 2 s without instrumentation.
     */
    private const val SECONDS = 20
    private const val BUDGET = 1L shl 22

    /**
     * The number of tensors that are requested one by one. A short file can contain many tensors in a group that is
     * slow to decode.
     */
    private const val REQUESTED = 4
    private val threads = ManagementFactory.getThreadMXBean()

    /**
     * Decodes the [mended] input. The time limit applies to each request. It limits processor time, because other
     * processes can use the machine at the same time. If the first run exceeds it, a second run decides, because the
     * first can include loading and instrumenting classes.
     */
    @JvmStatic
    fun fuzzerTestOneInput(input: ByteArray) {
        val data = mended(input)
        if (slowest(data) < SECONDS) return
        val took = slowest(data)
        check(took < SECONDS) { "a request took $took s of processor time" }
    }

    /** Makes all requests and returns the processor time of the slowest one. */
    private fun slowest(data: ByteArray): Double {
        var slowest = 0L
        for (tier in arrayOf(null, 0)) {
            try {
                read(data, tier) { began -> slowest = maxOf(slowest, threads.currentThreadCpuTime - began) }
            } catch (e: FrzException) {
                val message = e.message!!
                check('\n' !in message && message.length < 1000) { "the message is not one line: $message" }
            }
        }
        return slowest / 1e9
    }

    private fun read(data: ByteArray, tier: Int?, ended: (began: Long) -> Unit) {
        fun <T> request(work: () -> T): T {
            val began = threads.currentThreadCpuTime
            return try {
                work()
            } finally {
                ended(began)
            }
        }
        val options = FrzOptions.builder().memoryBudget(BUDGET)
        tier?.let { options.tier(it) }
        request { FrzFile.open(data, options.build()) }.use { file ->
            var failed: FrzException? = null
            fun attempt(work: () -> Unit) = try {
                request(work)
            } catch (e: FrzException) {
                failed = e
            }
            file.groups.forEach { it.toString() }
            file.tensors.forEach { it.toString() }
            for (info in file.tensors.take(REQUESTED)) {
                attempt { file.core(info.name) }
                attempt { file.load(info.name) }
            }
            for (factor in file.factors.indices.take(REQUESTED)) attempt { file.factor(factor) }
            failed?.let { throw it }
            request { file.verify() }
            request { file.loadAll() }
        }
    }
}
