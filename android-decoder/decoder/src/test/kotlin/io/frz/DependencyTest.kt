package io.frz

import com.github.luben.zstd.Zstd
import io.frz.internal.container.GroupField
import java.lang.reflect.InvocationTargetException
import java.net.URLClassLoader
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** Simulates an app without the optional library by using a class loader that finds the decoder but not zstd. */
class DependencyTest {
    private val loader = object : URLClassLoader(
        arrayOf(FrzFile::class.java.protectionDomain.codeSource.location),
        javaClass.classLoader
    ) {
        override fun loadClass(name: String, resolve: Boolean): Class<*> {
            if (name.startsWith("com.github.luben.")) throw ClassNotFoundException(name)
            if (!name.startsWith("io.frz.")) return super.loadClass(name, resolve)
            return synchronized(getClassLoadingLock(name)) { findLoadedClass(name) ?: findClass(name) }
        }
    }

    private fun open(bytes: ByteArray): Any =
        loader.loadClass("io.frz.FrzFile").getMethod("open", ByteArray::class.java).invoke(null, bytes)

    private fun Any.load(name: String): Any = javaClass.getMethod("load", String::class.java).invoke(this, name)

    @Test
    fun `a file that uses zstd opens without the library, and the error says what to add`() {
        val packed = Zstd.compress(byteArrayOf(1, 2, 3))
        val file = open(
            FrzBuilder()
                .plain("plain", DType.U8, listOf(3), byteArrayOf(1, 2, 3))
                .plain("packed", DType.U8, listOf(3), packed, GroupField.CODER to Coder.ZSTD.id)
                .build()
        )
        assertEquals("plain u8 (3)", file.load("plain").toString())
        val thrown = assertThrows(InvocationTargetException::class.java) { file.load("packed") }.targetException
        assertEquals("DEPENDENCY", thrown.javaClass.getMethod("getCode").invoke(thrown).toString())
        val expected = "DEPENDENCY: the file requires zstd; " +
            "add com.github.luben:zstd-jni (@aar on Android) to the app (tensor \"packed\")"
        assertEquals(expected, thrown.message)
    }
}
