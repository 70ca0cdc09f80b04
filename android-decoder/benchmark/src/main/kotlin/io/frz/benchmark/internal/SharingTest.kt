package io.frz.benchmark.internal

import io.frz.benchmark.AppResult
import io.frz.benchmark.BenchmarkNetwork
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.Manifest
import io.frz.benchmark.NetworkResult
import io.frz.benchmark.SharingResult
import io.frz.benchmark.SuiteOptions
import io.frz.scheduling.App
import io.frz.scheduling.Budget
import io.frz.scheduling.Tier
import io.frz.scheduling.chooseTiers
import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

/**
 * Runs several applications at once, each with one of the measured networks: first all with dense networks, then with
 * the variants that the scheduler chooses.
 *
 * The applications request so many frames that, with dense networks, they would need [OVERLOAD] such devices. The
 * memory budget is half of what the dense networks need, but at least enough for the smallest variants.
 */
internal class SharingTest(
    private val manifest: Manifest,
    private val runtime: BenchmarkRuntime,
    private val results: List<NetworkResult>,
    private val options: SuiteOptions
) {
    private class Candidate(val result: NetworkResult, applications: Int) {
        val name = result.network.name
        val choices = listOf(result.variant(result.network.scored), result.dense)
        val rate = OVERLOAD / applications * 1e3 / median(result.dense.millis)
        val tiers = choices.map { each ->
            val memory = each.footprint?.native ?: each.fileBytes
            Tier(each.score / result.dense.score, median(each.millis) / 1e3, maxOf(1, memory))
        }
        val app = App(name, tiers, 1.0, 1 / rate, rate)
    }

    /** Returns the results, or null if fewer than two networks can take part. */
    fun run(): SharingResult? {
        val usable = results.filter { each ->
            each.runtime === runtime && each.exclusion(each.variant(each.network.scored)) == null
        }
        if (usable.size < 2) return null
        val candidates = usable.map { Candidate(it, usable.size) }
        val least = candidates.sumOf { each -> each.tiers.minOf { it.memory } }
        val budget = maxOf(least, candidates.sumOf { it.tiers.last().memory } / 2)
        val plan = chooseTiers(candidates.map { it.app }, Budget(budget))
        val dense = frames(candidates.map { it.result to it.result.dense.name }, candidates.map { it.rate })
        val chosen = candidates.map { it.choices[plan[it.name].tier].name }
        val planned = candidates.map { minOf(it.rate, 1 / plan[it.name].latency) }
        val scheduled = frames(candidates.zip(chosen) { each, name -> each.result to name }, planned)
        val apps = candidates.mapIndexed { at, each ->
            AppResult(each.name, chosen[at], plan[each.name].share, each.rate, scheduled[at], dense[at])
        }
        return SharingResult(runtime, budget, apps)
    }

    /** Runs all networks at once, none faster than its rate, and returns the frames per second of each. */
    private fun frames(networks: List<Pair<NetworkResult, String>>, rates: List<Double>): List<Double> {
        val loaded = ArrayList<BenchmarkNetwork>()
        val pool = Executors.newFixedThreadPool(networks.size)
        try {
            for ((result, name) in networks) {
                loaded.add(load(manifest, result.network.variants.first { it.name == name }, runtime))
            }
            val inputs = networks.map { (result, _) -> Tensors(manifest.folder).samples(result.network.inputs).first() }
            for ((network, input) in loaded.zip(inputs)) network.run(input)
            val end = System.nanoTime() + (1e9 * options.sharedSeconds).toLong()
            val tasks = loaded.indices.map { at ->
                Callable { paced(1e9 / rates[at], end) { loaded[at].run(inputs[at]) } }
            }
            return pool.invokeAll(tasks).map { it.get() }
        } catch (e: ExecutionException) {
            throw e.cause ?: e
        } finally {
            pool.end()
            for (network in loaded) network.close()
        }
    }

    /** Ends all threads. A network must not be closed while it runs, so this waits even if it is interrupted. */
    private fun ExecutorService.end() {
        shutdownNow()
        var interrupted = false
        while (!isTerminated) {
            try {
                awaitTermination(1, TimeUnit.MINUTES)
            } catch (_: InterruptedException) {
                interrupted = true
            }
        }
        if (interrupted) Thread.currentThread().interrupt()
    }

    /** Repeats [run] until [end], on average at most once per [period] (both in ns); returns the rate per second. */
    private fun paced(period: Double, end: Long, run: () -> Unit): Double {
        val start = System.nanoTime()
        var done = 0
        do {
            val due = start + (done * period).toLong()
            val early = due - System.nanoTime()
            if (early > 0) Thread.sleep(early / NANOS_PER_MILLI, (early % NANOS_PER_MILLI).toInt())
            run()
            done++
        } while (System.nanoTime() < end && start + (done * period).toLong() < end)
        return done / ((maxOf(System.nanoTime(), end) - start) / 1e9)
    }

    private companion object {
        const val OVERLOAD = 2.0
        const val NANOS_PER_MILLI = 1_000_000
    }
}
