package io.frz.loading

import io.frz.FrzFile
import java.io.File
import java.lang.management.ManagementFactory
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class FrzContractTest {
    private val file = FrzFile.open(Fake.resource("tiny.frz"))
    private val names = file.tensors.map { it.name } + file.aliases.keys

    @AfterEach
    fun close() = file.close()

    @Test
    fun `a file with exactly the required names fits unless a tensor does not`() {
        val contract = FrzContract(names.toSet(), emptyMap(), emptySet())
        assertNull(contract.misfit(file) { _, _ -> null })
        val found = contract.misfit(file) { name, sources -> if (name == "mask") "wrong: $sources" else null }
        assertEquals("mask: wrong: [mask]", found)
    }

    @Test
    fun `an alias is accepted in place of its tensor`() {
        val (alias, target) = file.aliases.entries.single()
        val contract = FrzContract(names.toSet() - alias, mapOf(alias to target), emptySet())
        assertEquals(listOf(target), contract.sources(target, file))
        assertNull(contract.misfit(file) { _, _ -> null })
        val separate = FrzContract(setOf("mask"), mapOf("octets" to "mask"), emptySet())
        assertEquals(listOf("mask", "octets"), separate.sources("mask", file))
    }

    @Test
    fun `missing and unknown names are listed unless they are unused`() {
        val contract = FrzContract(setOf("mask", "absent"), mapOf("octets" to "mask"), names.drop(11).toSet())
        val unknown = names.take(11) - "mask" - "octets"
        val expected = unknown.take(8).joinToString() + if (unknown.size > 8) " and ${unknown.size - 8} more" else ""
        val found = contract.misfit(file) { _, _ -> null }
        assertEquals("missing from the file: absent; not in the model: $expected", found)
    }

    @Test
    fun `time grows no faster than the number of names`() {
        val required = (0 until 50_000).map { "weight $it" }
        val contract = FrzContract(required.toSet(), required.associateBy { "copy of $it" }, names.toSet())
        val threads = ManagementFactory.getThreadMXBean()
        val begun = threads.currentThreadCpuTime
        assertTrue(contract.misfit(file) { _, _ -> null }!!.startsWith("missing from the file: weight 0, weight 1, "))
        val seconds = TimeUnit.NANOSECONDS.toSeconds(threads.currentThreadCpuTime - begun)
        assertTrue(seconds <= 5, "$seconds s of processor time")
    }

    @Test
    fun `coefficients fit if form and number agree`() = FrzFile.open(File("../../examples/lenet5.frz")).use { lenet5 ->
        val info = lenet5.tensors.first { it.form != null }
        val form = info.form!!
        val kept = info.coefficients
        assertNull(FrzContract.formFault(info, form, kept))
        val fewer = "$kept coefficients in the file, ${kept - 1} in the model; choose its tier, or export again"
        assertEquals(fewer, FrzContract.formFault(info, form, kept - 1))
        val other = FrzContract.formFault(info, form + 1, kept)!!
        assertTrue(other.startsWith("coefficients of form ${form.asList()} in the file, "), other)
        val none = FrzContract.formFault(file.tensor("mask"), form, kept)
        assertEquals("no spectrum or factors in the file, coefficients in the model; export again", none)
    }
}
