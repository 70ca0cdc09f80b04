package io.frz.pytorch.internal

import io.frz.loading.FrzLoadException
import java.io.File
import java.io.RandomAccessFile
import java.nio.file.Files
import java.nio.file.Paths
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests copies of skeletons on disk. */
class SkeletonCacheTest {
    @TempDir
    lateinit var folder: File

    private val cache by lazy { SkeletonCache(folder) }
    private val content = ByteArray(5000) { it.toByte() }

    private fun age(file: File, days: Long) =
        assertTrue(file.setLastModified(System.currentTimeMillis() - TimeUnit.DAYS.toMillis(days)))

    @Test
    fun `a copy is made once and reused`() {
        val file = cache.file(content)
        assertArrayEquals(content, file.readBytes())
        RandomAccessFile(file, "rw").use { opened ->
            age(file, 2)
            assertEquals(file, SkeletonCache(folder).file(content))
            opened.write(1) // Changes the copy only if it is still the same file.
            assertEquals(1, file.readBytes()[0])
        }
        assertTrue(System.currentTimeMillis() - file.lastModified() < TimeUnit.DAYS.toMillis(1))
        assertEquals(1, folder.list()!!.size)
    }

    @Test
    fun `a copy with wrong content is replaced`() {
        val file = cache.file(content)
        for (wrong in listOf(content.copyOf(4999), ByteArray(0), content.clone().also { it[7]++ }, content + 1)) {
            file.writeBytes(wrong)
            assertArrayEquals(content, cache.file(content).readBytes())
        }
    }

    @Test
    fun `only unused copies are removed`() {
        val old = cache.file(content)
        val recent = cache.file(byteArrayOf(1))
        val left = File(folder, "skeleton-1.partial").apply { writeText("half") }
        val writing = File(folder, "skeleton-2.partial").apply { writeText("half") }
        val foreign = listOf("notes.ptl", "skeleton-unet.ptl", "skeleton-notes.txt", "skeleton-a.partial").map {
            File(folder, it).apply { writeText("mine") }
        }
        age(old, 31)
        age(recent, 29)
        age(left, 1)
        foreign.forEach { age(it, 1000) }
        cache.file(byteArrayOf(2))
        assertFalse(old.exists() || left.exists())
        assertTrue(recent.exists() && writing.exists())
        assertEquals(emptyList<File>(), foreign.filterNot { it.exists() })
    }

    @Test
    fun `a copy that cannot be read is replaced`() {
        val directory = File(folder, "directory").apply { mkdir() }
        val content = ByteArray(directory.length().toInt())
        val file = cache.file(content)
        assertTrue(file.delete())
        Files.createSymbolicLink(Paths.get(file.path), Paths.get(directory.path))
        assertEquals(content.size.toLong(), file.length())
        assertArrayEquals(content, cache.file(content).readBytes())
    }

    @Test
    fun `a copy for one use is deleted`() {
        val file = cache.once(content) { file -> file.also { assertArrayEquals(content, it.readBytes()) } }
        assertFalse(file.exists())
        assertThrows(IllegalStateException::class.java) { cache.once(content) { error("the runtime fails") } }
        assertEquals(0, folder.list()!!.size)
    }

    @Test
    fun `a folder that is a file, or cannot be created`() {
        val file = File(folder, "file").apply { writeText("") }
        val places = mapOf(file to "it is not a folder", File(file, "below") to "the folder cannot be created")
        for ((place, reason) in places) {
            val error = assertThrows(FrzLoadException::class.java) { SkeletonCache(place).file(byteArrayOf(1)) }
            assertTrue("$place ($reason)" in error.message!!, error.message)
        }
    }

    @Test
    fun `a process killed while copying leaves nothing that is trusted`() {
        val content = ByteArray(1 shl 20) { (it * 31).toByte() }
        repeat(3) { round ->
            val child = ProcessBuilder(
                File(System.getProperty("java.home"), "bin/java").path,
                "-cp",
                System.getProperty("java.class.path"),
                "io.frz.pytorch.internal.CopyForeverKt",
                folder.path
            ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            child.inputStream.read() // Waits until the process has started.
            Thread.sleep(Random(round).nextLong(50))
            child.destroyForcibly().waitFor()
            val copies = folder.listFiles()!!.filter { it.name.endsWith(".ptl") }
            for (copy in copies) assertArrayEquals(content, copy.readBytes())
            assertArrayEquals(content, SkeletonCache(folder).file(content).readBytes())
        }
    }
}
