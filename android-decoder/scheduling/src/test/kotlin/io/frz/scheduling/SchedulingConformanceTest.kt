package io.frz.scheduling

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** Checks that every plan equals the expected one in docs/scheduling-vectors.json, bit for bit. */
class SchedulingConformanceTest {
    private val vectors = JsonParser.parseString(File("../../docs/scheduling-vectors.json").readText()).asJsonObject

    private fun entries(kind: String): List<JsonObject> =
        vectors.getAsJsonArray(kind).map { it.asJsonObject }.also { check(it.isNotEmpty()) { "no $kind vectors" } }

    private fun answer(entry: JsonObject): Plan {
        val apps = entry.getAsJsonArray("apps").map { it.asJsonObject }.map { app ->
            val tiers = app.getAsJsonArray("tiers").map { it.asJsonObject }.map {
                Tier(it.double("accuracy"), it.double("compute"), it["memory"].asLong)
            }
            App(app["name"].asString, tiers, app.double("accuracy"), app.double("latency"), app.double("alpha"))
        }
        val budget = entry["budget"].asJsonObject.let { Budget(it["memory"].asLong, it.double("speed")) }
        val objective = Objective.values().single { it.label == entry["objective"].asString }
        return chooseTiers(apps, budget, objective)
    }

    @TestFactory
    fun plans(): List<DynamicTest> = entries("plans").map { entry ->
        dynamicTest(entry["name"].asString) {
            val plan = answer(entry)
            val expected = entry["plan"].asJsonObject
            val names = entry.getAsJsonArray("apps").map { it.asJsonObject["name"].asString }
            assertEquals(names, plan.choices.map { it.app })
            val choices = expected.getAsJsonArray("choices").map { it.asJsonObject }
            plan.choices.zip(choices).forEach { (choice, other) ->
                assertEquals(other["tier"].asInt, choice.tier)
                assertEquals(other.double("share"), choice.share)
                assertEquals(other.double("latency"), choice.latency)
                assertEquals(other.double("cost"), choice.cost)
            }
            assertEquals(expected.double("total"), plan.total)
            assertEquals(expected.double("largest"), plan.largest)
            assertEquals(expected["exact"].asBoolean, plan.isExact)
        }
    }

    @TestFactory
    fun infeasible(): List<DynamicTest> = entries("infeasible").map { entry ->
        dynamicTest(entry["name"].asString) {
            val thrown = assertThrows(InfeasibleBudgetException::class.java) { answer(entry) }
            assertEquals(entry.getAsJsonArray("unfit").map { it.asString }, thrown.unfit)
            assertEquals(entry["needed"].asLong, thrown.needed)
            assertEquals(entry["available"].asLong, thrown.available)
        }
    }

    private fun JsonObject.double(key: String): Double = this[key].asDouble
}
