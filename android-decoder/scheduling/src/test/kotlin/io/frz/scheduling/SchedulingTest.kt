package io.frz.scheduling

import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests what the vectors do not cover: rejected arguments, and properties of every plan. */
class SchedulingTest {
    private val tier = Tier(0.9, 1.0, 10)
    private val app = App("a", listOf(tier), 0.9, 1.0)

    private fun refused(said: String, what: () -> Any) {
        val thrown = assertThrows(IllegalArgumentException::class.java) { what() }
        assertTrue(thrown.message.orEmpty().contains(said), thrown.message)
    }

    @Test
    fun `invalid arguments are refused`() {
        refused("accuracy must be from -1.0E15 to 1.0E15, not NaN") { Tier(Double.NaN, 1.0, 1) }
        refused("compute must be from 1.0E-15 to 1.0E15, not 0.0") { Tier(0.9, 0.0, 1) }
        refused("memory must be from 0 to 1125899906842624 bytes, not -1") { Tier(0.9, 1.0, -1) }
        refused("memory must be") { Budget((1L shl 50) + 1) }
        refused("speed must be") { Budget(1, Double.POSITIVE_INFINITY) }
        refused("needs a name") { App("", listOf(tier), 0.9, 1.0) }
        refused("lone surrogate") { App("\ud800", listOf(tier), 0.9, 1.0) }
        refused("\"a\" has 0 tiers; it needs 1 to 256") { App("a", emptyList(), 0.9, 1.0) }
        refused("has 257 tiers") { App("a", List(257) { tier }, 0.9, 1.0) }
        refused("accuracy of application \"a\"") { App("a", listOf(tier), Double.NEGATIVE_INFINITY, 1.0) }
        refused("latency of application \"a\"") { App("a", listOf(tier), 0.9, 0.0) }
        refused("alpha of application \"a\"") { App("a", listOf(tier), 0.9, 1.0, -1.0) }
        refused("two applications have the name \"a\"") { chooseTiers(listOf(app, app), Budget(20)) }
        refused("4097 applications are more than the 4096") { chooseTiers(List(4097) { app }, Budget(20)) }
        refused("need 10 bytes at their smallest tiers, but the budget is 9: close \"a\"") {
            chooseTiers(listOf(app), Budget(9))
        }
    }

    @Test
    fun `choices are found by name, and everything can be printed`() {
        val plan = chooseTiers(listOf(app), Budget(10))
        assertEquals("a: tier 0, share 1.0", plan["a"].toString())
        assertEquals("a: tier 0, share 1.0", plan.toString())
        assertThrows(NoSuchElementException::class.java) { plan["b"] }
        assertEquals("a, 1 tiers", app.toString())
        assertEquals("accuracy 0.9, compute 1.0, 10 bytes", tier.toString())
        assertEquals("10 bytes, speed 1.0", Budget(10).toString())
    }

    @Test
    fun `a list of tiers is copied`() {
        val tiers = mutableListOf(tier)
        val made = App("a", tiers, 0.9, 1.0)
        tiers.clear()
        assertEquals(1, made.tiers.size)
    }

    @Test
    fun `many applications with one tier each are planned exactly`() {
        val apps = List(2000) { App("app $it", listOf(tier), 0.9, 1.0) }
        assertTrue(chooseTiers(apps, Budget(20_000), Objective.MIN_MAX_COST).isExact)
    }

    @Test
    fun `nine applications with four tiers each are planned greedily, within the budget and in any order`() {
        for (seed in 0L until 20L) {
            val random = Random(seed)
            fun draw() = 0.01 + random.nextDouble()
            val apps = List(9) { number ->
                val tiers = List(4) { Tier(draw(), draw(), random.nextInt(1000).toLong()) }
                App("app $number", tiers, draw(), draw(), draw())
            }
            val budget = Budget(apps.sumOf { app -> app.tiers.minOf { it.memory } } + random.nextInt(2000), 8.0)
            for (objective in Objective.values()) {
                val plan = chooseTiers(apps, budget, objective)
                val other = chooseTiers(apps.reversed(), budget, objective)
                assertFalse(plan.isExact)
                assertTrue(plan.choices.sumOf { it.share } <= 1 + 1e-12)
                val memory = apps.sumOf { it.tiers[plan[it.name].tier].memory }
                assertTrue(memory <= budget.memory)
                apps.forEach { assertEquals(plan[it.name].toString(), other[it.name].toString()) }
            }
        }
    }

    @Test
    fun `a cost of zero has the same sign as in Python`() {
        val plan = chooseTiers(listOf(App("app", listOf(Tier(0.0, 0.5, 1)), -0.0, 1.0)), Budget(1))
        for (cost in listOf(plan["app"].cost, plan.largest, plan.total)) assertEquals(0L, cost.toRawBits())
    }
}
