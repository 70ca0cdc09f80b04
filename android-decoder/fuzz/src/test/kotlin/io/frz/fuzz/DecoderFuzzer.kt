package io.frz.fuzz

import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import java.lang.management.ManagementFactory

/** Jazzer's target: opens a file, lists its contents, and loads everything. It may throw only [FrzException]. */
object DecoderFuzzer {
    private const val SECONDS = 2
    private const val BUDGET = 1L shl 22
    private val threads = ManagementFactory.getThreadMXBean()

    /**
     * Decodes the [mended] input. The time limit applies to processor time, because other processes can use the machine
     * at the same time, and only to a second run, because the first can include loading and instrumenting classes.
     */
    @JvmStatic
    fun fuzzerTestOneInput(input: ByteArray) {
        val data = mended(input)
        if (seconds(data) < SECONDS) return
        val took = seconds(data)
        check(took < SECONDS) { "took $took s of processor time" }
    }

    private fun seconds(data: ByteArray): Double {
        val began = threads.currentThreadCpuTime
        for (tier in arrayOf(null, 0)) {
            try {
                read(data, tier)
            } catch (e: FrzException) {
                val message = e.message!!
                check('\n' !in message && message.length < 1000) { "the message is not one line: $message" }
            }
        }
        return (threads.currentThreadCpuTime - began) / 1e9
    }

    private fun read(data: ByteArray, tier: Int?) {
        val options = FrzOptions.builder().memoryBudget(BUDGET)
        tier?.let { options.tier(it) }
        FrzFile.open(data, options.build()).use { file ->
            var failed: FrzException? = null
            fun attempt(work: () -> Unit) = try {
                work()
            } catch (e: FrzException) {
                failed = e
            }
            file.groups.forEach { it.toString() }
            for (info in file.tensors) {
                info.toString()
                attempt { file.core(info.name) }
                attempt { file.load(info.name) }
            }
            for (factor in file.factors.indices) attempt { file.factor(factor) }
            failed?.let { throw it }
            file.verify()
            file.loadAll()
        }
    }
}
