package io.frz.api

import io.frz.FrzFile
import io.frz.benchmark.Suite
import io.frz.elm.ElmModel
import io.frz.loading.FrzLoader
import io.frz.onnxruntime.FrzSession
import io.frz.pytorch.FrzModule
import io.frz.scheduling.Plan
import io.frz.template.FrzTemplate
import java.io.File
import java.util.zip.ZipFile
import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/**
 * Compares the public binary signatures of each library with a file in this module's folder, and checks that functions
 * that read or write are annotated with `@WorkerThread`, which Android Lint checks in apps.
 */
class ApiTest {
    private val libraries = mapOf(
        "frz-decoder" to FrzFile::class.java,
        "frz-elm" to ElmModel::class.java,
        "frz-scheduling" to Plan::class.java,
        "frz-benchmark" to Suite::class.java,
        "frz-loading" to FrzLoader::class.java,
        "frz-loading-ktx" to Class.forName("io.frz.loading.ktx.FrzCoroutines"),
        "frz-pytorch" to FrzModule::class.java,
        "frz-onnxruntime" to FrzSession::class.java,
        "frz-template" to FrzTemplate::class.java
    )

    @TestFactory
    fun `the public API matches its dump`(): List<DynamicTest> = libraries.map { (name, one) ->
        dynamicTest(name) { check(File("$name.api"), signatures(one)) }
    }

    @TestFactory
    fun `functions that throw an IOException are annotated with WorkerThread`(): List<DynamicTest> =
        libraries.map { (name, one) ->
            dynamicTest(name) {
                val missing = classes(one).flatMap { WorkerThreads(it.readBytes()).missing() }
                assertEquals(emptyList<String>(), missing) { "annotate these functions with @WorkerThread" }
            }
        }

    private fun check(dump: File, found: String) {
        if (System.getProperty("api.write") == "true") dump.writeText(found)
        assertEquals(dump.readText(), found) {
            "the public API has changed; removing or changing a signature breaks apps that are already compiled; " +
                "if the change is intended, update the dump with `mvn test -Dapi.write=true -Dtest=ApiTest -pl api -am`"
        }
    }

    /** Returns the signatures of the library (a folder or jar) that contains the class [one]. */
    private fun signatures(one: Class<*>): String {
        val files = classes(one)
        return StringBuilder().also { AbiTools.getInstance().printJvmDump(it, files, AbiFilters.EMPTY) }.toString()
    }

    /** Returns the class files of the library that contains the class [one]. */
    private fun classes(one: Class<*>): List<File> {
        val location = File(one.protectionDomain.codeSource.location.toURI())
        val classes = if (location.isDirectory) location else unpacked(location)
        return classes.walk().filter { it.extension == "class" && "META-INF" !in it.path }.toList()
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
