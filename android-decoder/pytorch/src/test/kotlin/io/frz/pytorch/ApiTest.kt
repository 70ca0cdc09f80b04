package io.frz.pytorch

import java.io.File
import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** What the library offers to others, binary signature by signature. */
class ApiTest {
    private val dump = File("api/frz-pytorch.api")

    @Test
    fun `the public API is the one that is written down`() {
        val location = File(FrzModule::class.java.protectionDomain.codeSource.location.toURI())
        val classes = location.walk().filter { it.extension == "class" }.toList()
        val printed = StringBuilder().also { AbiTools.getInstance().printJvmDump(it, classes, AbiFilters.EMPTY) }
        val found = printed.toString()
        if (System.getProperty("api.write") == "true") dump.writeText(found)
        assertEquals(dump.readText(), found) {
            "the public API has changed, and what is gone or different breaks apps that were compiled before; " +
                "if that is wanted, write it down with `mvn test -Dapi.write=true -Dtest=ApiTest`"
        }
    }
}
