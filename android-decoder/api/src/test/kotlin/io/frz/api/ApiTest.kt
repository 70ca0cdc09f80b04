package io.frz.api

import io.frz.FrzFile
import io.frz.loading.FrzLoader
import io.frz.onnxruntime.FrzSession
import io.frz.pytorch.FrzModule
import io.frz.scheduling.Plan
import java.io.File
import java.util.zip.ZipFile
import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** The public binary signatures of each library, compared with a file next to this module's POM. */
class ApiTest {
    private val libraries = mapOf(
        "frz-decoder" to FrzFile::class.java,
        "frz-scheduling" to Plan::class.java,
        "frz-loading" to FrzLoader::class.java,
        "frz-loading-ktx" to Class.forName("io.frz.loading.ktx.FrzCoroutines"),
        "frz-pytorch" to FrzModule::class.java,
        "frz-onnxruntime" to FrzSession::class.java
    )

    @TestFactory
    fun `the public API is the one that is written down`(): List<DynamicTest> = libraries.map { (name, one) ->
        dynamicTest(name) { check(File("$name.api"), signatures(one)) }
    }

    private fun check(dump: File, found: String) {
        if (System.getProperty("api.write") == "true") dump.writeText(found)
        assertEquals(dump.readText(), found) {
            "the public API has changed, and what is gone or different breaks apps that were compiled before; " +
                "if that is wanted, write it down with `mvn test -Dapi.write=true -Dtest=ApiTest -pl api -am`"
        }
    }

    /** The signatures of the library that has [one] among its classes, a folder or a jar. */
    private fun signatures(one: Class<*>): String {
        val location = File(one.protectionDomain.codeSource.location.toURI())
        val classes = if (location.isDirectory) location else unpacked(location)
        val files = classes.walk().filter { it.extension == "class" && "META-INF" !in it.path }.toList()
        return StringBuilder().also { AbiTools.getInstance().printJvmDump(it, files, AbiFilters.EMPTY) }.toString()
    }

    private fun unpacked(jar: File): File {
        val folder = File("target/${jar.nameWithoutExtension}").apply { deleteRecursively() }
        ZipFile(jar).use { zip ->
            for (entry in zip.entries().asSequence().filter { it.name.endsWith(".class") }) {
                val file = File(folder, entry.name).apply { parentFile.mkdirs() }
                file.writeBytes(zip.getInputStream(entry).use { it.readBytes() })
            }
        }
        return folder
    }
}
