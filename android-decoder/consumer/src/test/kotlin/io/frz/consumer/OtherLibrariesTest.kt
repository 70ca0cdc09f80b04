package io.frz.consumer

import io.frz.FrzFile
import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.Manifest
import io.frz.benchmark.Suite
import io.frz.benchmark.SuiteOptions
import io.frz.elm.ElmLearner
import io.frz.elm.ElmModel
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.onnxruntime.FrzSession
import io.frz.scheduling.App
import io.frz.scheduling.Budget
import io.frz.scheduling.InfeasibleBudgetException
import io.frz.scheduling.Objective
import io.frz.scheduling.Tier
import io.frz.scheduling.chooseTiers
import io.frz.template.FrzTemplate
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Calls the other libraries from an old version of Kotlin. An app must compile with every published library. */
class OtherLibrariesTest {
    private fun part(path: String) = FrzPart.of(File("../$path"))

    /** Only compiled, because these files do not exist. */
    @Suppress("unused")
    private fun session(): FrzLoader<FrzSession> =
        FrzSession.loaderOf(part("model.onnx"), part("model.frz")) { it.setIntraOpNumThreads(2) }

    /** Only compiled, because this module lacks the suite's assets. */
    @Suppress("unused")
    private fun score(suite: Suite): Double? =
        suite.run(SuiteOptions.SHORT) { done, total, step -> println("$done/$total $step") }.scores.first().speedup

    @Test
    fun `a template is filled`() {
        val folder = "template/src/test/resources"
        val filled = FrzTemplate.loader(part("$folder/tiny.tflite.frt"), part("$folder/tiny.frz")).load()
        val bytes = ByteArray(filled.remaining()).also { filled.get(it) }
        assertArrayEquals(File("../$folder/tiny.tflite").readBytes(), bytes)
    }

    @Test
    fun `an extreme learning machine learns`() {
        val model = FrzFile.open(File("../elm/src/test/resources/digits.frz")).use(ElmModel.Companion::of)
        val image = ByteArray(model.hidden.inputSize) { (it % 16).toByte() }
        assertTrue(model.classify(image) in model.labels)
        val learner = ElmLearner(model.hidden)
        learner.add(image, "stripes")
        learner.add(ByteArray(image.size), "nothing")
        assertEquals("stripes", learner.solve().classify(image))
    }

    @Test
    fun `tiers are chosen`() {
        val tiers = listOf(Tier(0.8, 1.0, 10), Tier(0.9, 2.0, 20))
        val apps = listOf(App("a", tiers, 0.9, 1.0), App("b", tiers, 0.9, 1.0))
        val plan = chooseTiers(apps, Budget(20), Objective.MIN_MAX_COST)
        assertEquals(listOf(0, 0), plan.choices.map { it.tier })
        val refused = assertThrows(InfeasibleBudgetException::class.java) { chooseTiers(apps, Budget(19)) }
        assertEquals(20, refused.needed)
    }

    @Test
    fun `a missing manifest is reported`() {
        assertThrows(BenchmarkException::class.java) { Manifest.read(File("nowhere")) }
    }
}
