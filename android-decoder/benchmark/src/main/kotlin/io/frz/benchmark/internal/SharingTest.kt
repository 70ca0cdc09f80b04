package io.frz.benchmark.internal

import io.frz.benchmark.AppResult
import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.BenchmarkNetwork
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.Device
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
 * Runs several applications at once, each with one of the measured networks: first all with dense networks, as fast as
 * they can, then with the variants and at the rates that the scheduler chooses.
 *
 * Each application requests [OVERLOAD] times the frames per second that it reached with its dense network. The memory
 * budget is half of what the dense networks need, but at least enough for the smallest variants.
 */
internal class SharingTest(
    private val manifest: Manifest,
    private val runtime: BenchmarkRuntime,
    private val results: List<NetworkResult>,
    device: Device,
    private val options: SuiteOptions,
    private val clock: Clock = Clock.System
) {
    private val thermometer = Thermometer(device)

    private class Candidate(val result: NetworkResult) {
        val name = result.network.name
        val seconds = median(result.dense.millis) / 1e3
        val choices = listOf(result.variant(result.network.scored), result.dense)
        val tiers = choices.map { each ->
            val memory = each.footprint?.native ?: each.fileBytes
            Tier(each.score / result.dense.score, median(each.millis) / 1e3, maxOf(1, memory))
        }

        fun app(goal: Double) = App(name, tiers, 1.0, 1 / goal, goal)
    }

    /** Returns the results, or null if fewer than two networks can take part. */
    fun run(): SharingResult? {
        val usable = results.filter { each ->
            each.runtime === runtime && each.exclusion(each.variant(each.network.scored)) == null
        }
        if (usable.size < 2) return null
        var result: SharingResult? = null
        val reason = failure { result = measure(usable.map(::Candidate)) }
        return result ?: SharingResult.failed(runtime, reason.orEmpty())
    }

    private fun measure(candidates: List<Candidate>): SharingResult {
        val least = candidates.sumOf { each -> each.tiers.minOf { it.memory } }
        val memory = maxOf(least, candidates.sumOf { it.tiers.last().memory } / 2)
        val dense = frames(candidates.map { it.result to it.result.dense.name }, candidates.map { null })
        val capacity = candidates.zip(dense) { each, rate -> each.seconds * rate }.sum()
        val goals = dense.map { OVERLOAD * it }
        val plan = chooseTiers(candidates.zip(goals, Candidate::app), Budget(memory, capacity))
        val chosen = candidates.map { it.choices[plan[it.name].tier].name }
        val planned = candidates.zip(goals) { each, goal -> minOf(goal, 1 / plan[each.name].latency) }
        val scheduled = frames(candidates.zip(chosen) { each, name -> each.result to name }, planned)
        val apps = candidates.mapIndexed { at, each ->
            AppResult(each.name, chosen[at], plan[each.name].share, goals[at], scheduled[at], dense[at])
        }
        return SharingResult(runtime, memory, capacity, apps, thermometer.read())
    }

    /**
     * Runs all networks at once, each at most at its rate per second, or as fast as it can if that is null; returns the
     * frames per second of each.
     */
    private fun frames(networks: List<Pair<NetworkResult, String>>, rates: List<Double?>): List<Double> {
        val names = networks.map { (result, variant) -> "${result.network.name}, $variant" }
        val loaded = ArrayList<BenchmarkNetwork>()
        val pool = Executors.newFixedThreadPool(networks.size)
        var unclosed: String? = null
        val found = try {
            val inputs = networks.mapIndexed { at, (result, name) ->
                naming(names[at]) {
                    loaded.add(load(manifest, result.network.variants.first { it.name == name }, runtime))
                    Tensors(manifest.folder).samples(result.network.inputs).first().also { loaded[at].run(it) }
                }
            }
            val end = clock.nanos() + (1e9 * options.sharedSeconds).toLong()
            val tasks = loaded.indices.map { at ->
                val period = rates[at]?.let { 1e9 / it } ?: 0.0
                Callable { naming(names[at]) { paced(period, end) { loaded[at].run(inputs[at]) } } }
            }
            pool.invokeAll(tasks).map { it.get() }
        } catch (e: ExecutionException) {
            throw e.cause ?: e
        } finally {
            pool.end()
            thermometer.observe()
            unclosed = closeAll(loaded)
        }
        unclosed?.let { throw BenchmarkException("a network could not be closed: $it") }
        return found
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
        val start = clock.nanos()
        var done = 0
        do {
            checkInterrupted()
            val due = start + (done * period).toLong()
            clock.sleep(due - clock.nanos())
            run()
            done++
        } while (clock.nanos() < end && start + (done * period).toLong() < end)
        return done / ((maxOf(clock.nanos(), end) - start) / 1e9)
    }

    private companion object {
        const val OVERLOAD = 2.0
    }
}
